"""Lisp text as bytes: UTF-8, in which every byte and every code point of a program's own survives.

Bytes that are no UTF-8 become the code points U+DC80 to U+DCFF and those bytes again (PEP 383); other surrogates, which
a program can make by number, are written as three bytes, as in CESU and the original.
"""

from __future__ import annotations


def encode(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(c.encode("utf-8", "surrogateescape" if "\udc80" <= c <= "\udcff" else "surrogatepass")
                        for c in text)


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


UPPER = {ord(c): c.upper() for c in "abcdefghijklmnopqrstuvwxyz"}
LOWER = {ord(c.upper()): c for c in "abcdefghijklmnopqrstuvwxyz"}


def upper(text: str) -> str:
    """In capitals, which the original knows of ASCII letters only."""
    return text.translate(UPPER)


def lower(text: str) -> str:
    return text.translate(LOWER)
