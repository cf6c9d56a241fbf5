"""The csl command: its line, the top level, line editing, the demonstration."""
