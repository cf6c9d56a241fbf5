"""A language server for editors: ``csl-lsp``, or ``python -m csl_native.lsp``.  It reads programs, and runs none."""
