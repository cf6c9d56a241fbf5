"""Fuzzers of Lisp: random programs that all engines and tiers must agree on, and random calls that must end in a value
or a Lisp error.
"""
