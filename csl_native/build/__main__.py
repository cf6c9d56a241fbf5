"""``python -m csl_native.build``: make the base image."""

from .base import main

if __name__ == "__main__":
    main()
