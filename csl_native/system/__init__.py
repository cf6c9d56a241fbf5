"""The operating system: all that differs between systems is here, and knows no Lisp.

``host``: what machine and calling convention this process has; ``memory``: address space and pages; ``files``: locks,
private files and what must survive a loss of power; ``process``: the C library, processors, streams.  Each has an
implementation for POSIX and one for Windows, and goes on with less where a system has neither.
"""
