"""A Lisp for Python programs: sessions, their values, calls, and what restores them from an image."""

from .session import Session, restore

__all__ = ["Session", "restore"]
