"""``python -m csl_native``: the ``csl`` command."""

from .cli import program

if __name__ == "__main__":
    program()
