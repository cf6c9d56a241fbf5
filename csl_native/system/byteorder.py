"""Memory is little-endian on every machine; this is how Python sees it on one that is not."""

from __future__ import annotations

import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Reversed:
    """What ``memoryview.cast`` gives, on a machine with the other byte order: little-endian items of eight bytes."""

    def __init__(self, data: memoryview, code: str) -> None:
        self.data, self.code, self.item = data, code, struct.Struct("<" + code)

    def __len__(self) -> int:
        return len(self.data) // 8

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            start, stop, _ = k.indices(len(self))
            return Reversed(self.data[8 * start:8 * stop], self.code)
        return self.item.unpack_from(self.data, 8 * k)[0]

    def __setitem__(self, k: Any, value: Any) -> None:
        if isinstance(k, slice):
            start, stop, _ = k.indices(len(self))
            self.data[8 * start:8 * stop] = struct.pack(f"<{len(value)}{self.code}", *value)
        else:
            self.item.pack_into(self.data, 8 * k, value)

    def tolist(self) -> list[Any]:
        return list(struct.unpack(f"<{len(self)}{self.code}", self.data))


def words(data: memoryview) -> memoryview[int]:
    """The signed 64-bit words of a buffer."""
    return data.cast("q") if sys.byteorder == "little" else Reversed(data, "q")  # type: ignore[return-value]


def doubles(data: memoryview) -> memoryview[float]:
    """The doubles of a buffer."""
    return data.cast("d") if sys.byteorder == "little" else Reversed(data, "d")  # type: ignore[return-value]
