"""Notebooks: a kernel whose language is this Lisp, and ``%csl`` in notebooks of Python.

``python -m csl_native.jupyter install`` makes the kernel known to Jupyter; ``%load_ext csl_native`` is for IPython.
"""

from __future__ import annotations

from .magics import load_ipython_extension, session

__all__ = ["load_ipython_extension", "session"]
