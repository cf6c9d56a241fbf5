"""Names of generated symbols: what ``gensym`` was given and a number, of at least four digits, the rest in groups of
three, as in the original.
"""

from __future__ import annotations

import re

MOST = 9999  # in front of the groups
SERIAL = r"\d{4}(_\d{3})*$"


def serial(number: int) -> str:
    """The end of a generated symbol's name."""
    groups = ""
    while number > MOST:
        number, last = divmod(number, 1000)
        groups = f"_{last:03d}{groups}"
    return f"{number:04d}{groups}"


def stem(name: str) -> str:
    """The name of a generated symbol without its number, if it has one already."""
    return re.sub(SERIAL, "", name)
