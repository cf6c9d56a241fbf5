"""Arithmetic of very long integers by GMP, where the machine has it: its limbs are the kernel's.

The names are those of the GNU MP manual, low-level functions.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

LIBRARIES = ("libgmp.so.10", "libgmp.10.dylib")
PRODUCT_LIMBS = 90  # of the shorter factor from which on asking is faster than the kernel's own product
QUOTIENT_LIMBS = 110  # of the divisor


class Integer(ctypes.Structure):
    """``mpz_t``: limbs with room, limbs in use (negative for a negative number), address."""

    _fields_ = (("room", ctypes.c_int), ("size", ctypes.c_int), ("limbs", ctypes.c_void_p))


@cache
def library() -> Any:
    """GMP, or None where it is not installed or has other limbs: of another size, or, the heap being little-endian everywhere, big-endian."""
    if sys.byteorder != "little":
        return None
    for name in LIBRARIES:
        try:
            found = ctypes.CDLL(name)
            if ctypes.c_int.in_dll(found, "__gmp_bits_per_limb").value != 64:
                continue
            found.__gmpn_mul.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p, ctypes.c_long]
            found.__gmpn_sqr.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
            found.__gmpn_tdiv_qr.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p, ctypes.c_long,
                                             ctypes.c_void_p, ctypes.c_long]
            found.__gmpz_sizeinbase.restype = ctypes.c_size_t
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


def decimal(address: int, limbs: int) -> str:
    """Decimal digits of the magnitude of ``limbs`` limbs at an address."""
    gmp, n = library(), Integer(limbs, limbs, address)
    text = ctypes.create_string_buffer(int(gmp.__gmpz_sizeinbase(ctypes.byref(n), 10)) + 2)
    gmp.__gmpz_get_str(text, 10, ctypes.byref(n))
    return text.value.decode()


def parse(digits: str) -> bytes:
    """Magnitude of a decimal number in limbs, least significant first, little-endian."""
    gmp, n = library(), Integer()
    gmp.__gmpz_init(ctypes.byref(n))
    try:
        gmp.__gmpz_set_str(ctypes.byref(n), digits.encode(), 10)
        return ctypes.string_at(n.limbs, 8 * n.size)
    finally:
        gmp.__gmpz_clear(ctypes.byref(n))
