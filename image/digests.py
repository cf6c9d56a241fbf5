"""Digests of the pages of a large section, which several processors look at; in ``info`` as ``pages``, one after the
other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGE = 8 << 20  # a mapped heap up to this size is checked against its digest whenever it is mapped
PAGE_BYTES = 1 << 20
SIZE = 32


def pages_of(data: Any) -> bytes:
    """SHA-256, which most processors have instructions for, of each page of some bytes."""
    import hashlib  # brings OpenSSL, whose start takes longer than that of csl: only large sections are worth it
    view = memoryview(data)

    def run(first: int, step: int) -> list[bytes]:
        return [hashlib.sha256(view[at:at + PAGE_BYTES]).digest()
                for at in range(first * PAGE_BYTES, len(view), step * PAGE_BYTES)]
    if len(view) < 8 * PAGE_BYTES:
        return b"".join(run(0, 1))
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        odd = pool.submit(run, 1, 2)
        even = run(0, 2)
        found = odd.result()
    return b"".join(each for pair in zip(even, [*found, b""], strict=False) for each in pair)


def wrong_page(data: Any, wanted: bytes) -> int | None:
    """The first page that does not match its digest; None when all do."""
    found = pages_of(data)
    if found == wanted:
        return None
    return next((k for k in range(max(len(found), len(wanted)) // SIZE)
                 if found[SIZE * k:SIZE * k + SIZE] != wanted[SIZE * k:SIZE * k + SIZE]), 0)
