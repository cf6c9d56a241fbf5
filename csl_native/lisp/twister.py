"""The generator of random numbers: the Mersenne Twister of the C++ standard, begun with its seed_seq of the seed's two
halves, as in the original.
"""

from __future__ import annotations

from random import Random, SystemRandom

WORDS, LAG, MASK = 624, 11, 0xFFFFFFFF


def generator() -> Random:
    """A generator at its beginning: the same at every start of a Lisp."""
    made = Random()
    start(made, 1)
    return made


def start(numbers: Random, seed: int) -> None:
    """Begin with a seed; 0 is one that nobody knows."""
    if seed == 0:
        seed = SystemRandom().getrandbits(64)
    state = spread((seed & MASK, seed >> 32 & MASK))
    numbers.setstate((3, (*state, WORDS), None))


def spread(seeds: tuple[int, ...]) -> list[int]:
    """The state of the generator: what std::seed_seq makes of some numbers."""
    b = [0x8B8B8B8B] * WORDS
    p = (WORDS - LAG) // 2
    for k in range(2 * WORDS):
        here, there, last, before = k % WORDS, (k + p) % WORDS, (k + p + LAG) % WORDS, (k - 1) % WORDS
        if k < WORDS:
            x = b[here] ^ b[there] ^ b[before]
            first = 1664525 * (x ^ x >> 27) & MASK
            second = first + (len(seeds) if k == 0 else k + seeds[k - 1] if k <= len(seeds) else k) & MASK
            b[there] = b[there] + first & MASK
            b[last] = b[last] + second & MASK
        else:
            x = b[here] + b[there] + b[before] & MASK
            first = 1566083941 * (x ^ x >> 27) & MASK
            second = first - here & MASK
            b[there] ^= first
            b[last] ^= second
        b[here] = second
    return b
