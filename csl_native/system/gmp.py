"""Arithmetic of very long integers by GMP, where the machine has it: its limbs are the kernel's.

The names are those of the GNU MP manual, low-level functions.  This file is a program, too, which imports nothing of
the package: ``OPERATIONS`` for whoever has to be able to end one (``apart.py``).
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
import threading
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

LIBRARIES = ("libgmp.so.10", "libgmp.10.dylib")
PRODUCT_LIMBS = 160  # of the shorter factor from which on asking is faster than the kernel's own product
QUOTIENT_LIMBS = 200  # the same of the divisor, and the square of it of its product with the quotient's limbs


class Integer(ctypes.Structure):
    """``mpz_t``: limbs with room, limbs in use (negative for a negative number), address."""

    _fields_ = (("room", ctypes.c_int), ("size", ctypes.c_int), ("limbs", ctypes.c_void_p))


@cache
def library() -> Any:
    """GMP, or None where it is not installed or has other limbs: of another size, or, the heap being little-endian
    everywhere, big-endian.
    """
    if sys.byteorder != "little":
        return None
    for name in LIBRARIES:
        try:
            found = ctypes.CDLL(name)
            if ctypes.c_int.in_dll(found, "__gmp_bits_per_limb").value != 64:
                continue
            found.__gmpn_mul.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p,
                                         ctypes.c_long]
            found.__gmpn_sqr.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
            found.__gmpn_tdiv_qr.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p,
                                             ctypes.c_long,
                                             ctypes.c_void_p, ctypes.c_long]
            found.__gmpz_sizeinbase.restype = ctypes.c_size_t
            found.__gmpz_sqrt.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            found.__gmpz_set_str.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
            return found
        except (OSError, ValueError, AttributeError):
            continue
    return None


def multiply(r: int, a: int, n: int, b: int, m: int) -> None:
    """r[0..n+m) = a[0..n) * b[0..m), n not below m; addresses and numbers of limbs."""
    gmp = library()
    if (a, n) == (b, m):
        gmp.__gmpn_sqr(r, a, n)
    else:
        gmp.__gmpn_mul(r, a, n, b, m)


def divide(q: int, r: int, a: int, n: int, b: int, m: int) -> None:
    """q[0..n-m+1) and r[0..m) of a[0..n) by b[0..m), whose highest limb is not 0."""
    library().__gmpn_tdiv_qr(q, r, 0, a, n, b, m)


def gcd(a: int, n: int, b: int, m: int) -> bytes:
    """The greatest common divisor of two magnitudes, each an address and a number of limbs, as its own limbs' bytes."""
    gmp, x, y, result = library(), Integer(n, n, a), Integer(m, m, b), Integer()
    gmp.__gmpz_init(ctypes.byref(result))
    try:
        gmp.__gmpz_gcd(ctypes.byref(result), ctypes.byref(x), ctypes.byref(y))
        return ctypes.string_at(result.limbs, 8 * result.size)
    finally:
        gmp.__gmpz_clear(ctypes.byref(result))


def root(a: int, n: int) -> bytes:
    """The integer square root of a magnitude."""
    gmp, x, result = library(), Integer(n, n, a), Integer()
    gmp.__gmpz_init(ctypes.byref(result))
    try:
        gmp.__gmpz_sqrt(ctypes.byref(result), ctypes.byref(x))
        return ctypes.string_at(result.limbs, 8 * result.size)
    finally:
        gmp.__gmpz_clear(ctypes.byref(result))


def decimal(address: int, limbs: int) -> bytes:
    """Decimal digits of the magnitude of ``limbs`` limbs at an address."""
    gmp, n = library(), Integer(limbs, limbs, address)
    text = ctypes.create_string_buffer(int(gmp.__gmpz_sizeinbase(ctypes.byref(n), 10)) + 2)
    gmp.__gmpz_get_str(text, 10, ctypes.byref(n))
    return text.value


def parse(digits: bytes) -> bytes:
    """Magnitude of a decimal number in limbs, least significant first, little-endian."""
    gmp, n = library(), Integer()
    gmp.__gmpz_init(ctypes.byref(n))
    try:
        gmp.__gmpz_set_str(ctypes.byref(n), digits, 10)
        return ctypes.string_at(n.limbs, 8 * n.size)
    finally:
        gmp.__gmpz_clear(ctypes.byref(n))


# -- the same without the library, and with magnitudes as bytes --------------------------


def python_decimal(n: int) -> str:
    """Decimal digits of an integer of any size (Python limits ``str`` to 4300 of them)."""
    try:
        return str(n)
    except ValueError:
        pass
    if n < 0:
        return "-" + python_decimal(-n)
    half = int(n.bit_length() * 0.30103) // 2
    high, low = divmod(n, 10 ** half)
    return python_decimal(high) + python_decimal(low).zfill(half)


def python_parse(digits: str) -> int:
    """An integer of any length without a sign: halves, joined by multiplication."""
    if len(digits) <= 4000:
        return int(digits)
    half = len(digits) // 2
    return python_parse(digits[:half]) * int(10 ** (len(digits) - half)) + python_parse(digits[half:])


def integer(magnitude: bytes) -> int:
    return int.from_bytes(magnitude, "little")


def magnitude(n: int) -> bytes:
    return n.to_bytes((n.bit_length() + 63) // 64 * 8, "little")


def place(data: bytes) -> tuple[int, int]:
    """Address and number of limbs of a magnitude, which has to live on."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0, len(data) // 8


def product_of(a: bytes, b: bytes | None = None) -> tuple[bytes, ...]:
    """The product of two magnitudes, or the square of one."""
    b = b if b is not None else a
    if library() is None:
        return (magnitude(integer(a) * integer(b)).ljust(len(a) + len(b), b"\0"),)
    result = ctypes.create_string_buffer(len(a) + len(b))
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    multiply(ctypes.addressof(result), *place(long), *(place(short) if a is not b else place(long)))
    return (result.raw,)


def quotient_of(a: bytes, b: bytes) -> tuple[bytes, ...]:
    """Quotient and remainder; ``a`` has at least as many limbs, the highest one of ``b`` is not 0."""
    if library() is None:
        q, r = divmod(integer(a), integer(b))
        return magnitude(q), magnitude(r)
    quotient, rest = ctypes.create_string_buffer(len(a) - len(b) + 8), ctypes.create_string_buffer(len(b))
    divide(ctypes.addressof(quotient), ctypes.addressof(rest), *place(a), *place(b))
    return quotient.raw, rest.raw


def gcd_of(a: bytes, b: bytes) -> tuple[bytes, ...]:
    return (gcd(*place(a), *place(b)) if library() is not None else magnitude(math.gcd(integer(a), integer(b))),)


def root_of(a: bytes) -> tuple[bytes, ...]:
    return (root(*place(a)) if library() is not None else magnitude(math.isqrt(integer(a))),)


def power_of(a: bytes, n: bytes, modulus: bytes) -> tuple[bytes, ...]:
    """A power by a modulus."""
    return (magnitude(pow(integer(a), integer(n), integer(modulus))),)


def decimal_of(a: bytes) -> tuple[bytes, ...]:
    return (decimal(*place(a)) if library() is not None else python_decimal(integer(a)).encode(),)


def parsed(digits: bytes) -> tuple[bytes, ...]:
    return (parse(digits) if library() is not None else magnitude(python_parse(digits.decode())),)


OPERATIONS: dict[str, Callable[..., tuple[bytes, ...]]] = {
    "product": product_of, "quotient": quotient_of, "gcd": gcd_of, "root": root_of, "power": power_of,
    "decimal": decimal_of, "parse": parsed}


# -- as a process of its own ---------------------------------------------------------------

IDLE = 20.0  # seconds without work after which it ends
PIECE = 1 << 20


def send(pipe: IO[bytes], parts: tuple[bytes, ...]) -> None:
    """Byte strings, with their number and their lengths before them."""
    pipe.write(struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts)))
    for part in parts:
        for at in range(0, len(part), PIECE):
            pipe.write(part[at:at + PIECE])
    pipe.flush()


def receive(pipe: IO[bytes]) -> list[bytes]:
    """What the other side sent; EOFError when it has ended."""
    def exactly(size: int) -> bytes:
        data = pipe.read(size)
        if len(data) < size:
            raise EOFError
        return data
    count, = struct.unpack("<Q", exactly(8))
    return [exactly(size) for size in struct.unpack(f"<{count}Q", exactly(8 * count))]


def serve() -> None:
    """Operations from standard input, results to standard output; it ends when nothing comes, and at once when the one
    who asks is gone.
    """
    requests: SimpleQueue[list[bytes]] = SimpleQueue()

    def listen() -> None:
        try:
            while True:
                requests.put(receive(sys.stdin.buffer))
        finally:
            os._exit(0)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            name, *parts = requests.get(timeout=IDLE)
        except Empty:
            os._exit(0)
        try:
            answer = (b"", *OPERATIONS[name.decode()](*parts))
        except (ArithmeticError, MemoryError, ValueError) as error:
            answer = (type(error).__name__.encode(),)
        send(sys.stdout.buffer, answer)
        del parts, answer


if __name__ == "__main__":
    serve()
