"""Bytes put in another order, or as differences, before a codec sees them: numbers in columns pack better so.

A block of numbers of a fixed width has its high bytes, which hardly change, between low ones that do. Shuffled, the first
bytes of all numbers come first, then all second ones. Numbers that move slowly are small as differences. What is over at the
end of a block whose size is no multiple of the width stays as it is.

References:
    Alted, "Why modern CPUs are starving and what can be done about it", Computing in Science & Engineering 12 (2010), for
    the shuffle of Blosc.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def shuffled(block: bytes | Bytes, width: int) -> Bytes:
    """The first bytes of all numbers of so many bytes, then the second ones, and so on.

    >>> shuffled(b"aAbBcC!", 2).tobytes()
    b'abcABC!'
    """
    flat = np.frombuffer(block, dtype=np.uint8)
    n = len(flat) // width
    made = np.empty(len(flat), dtype=np.uint8)
    for place in range(width):
        made[place * n : (place + 1) * n] = flat[place : n * width : width]
    made[n * width :] = flat[n * width :]
    return made


def unshuffled(block: bytes | Bytes, width: int) -> Bytes:
    """What `shuffled` was given."""
    flat = np.frombuffer(block, dtype=np.uint8)
    n = len(flat) // width
    made = np.empty(len(flat), dtype=np.uint8)
    for place in range(width):
        made[place : n * width : width] = flat[place * n : (place + 1) * n]
    made[n * width :] = flat[n * width :]
    return made


def differences(block: bytes | Bytes, width: int) -> Bytes:
    """Each number (little-endian, of 2, 4 or 8 bytes) less the one before it, wrapping round; the first as it is.

    >>> differences(bytes([5, 0, 7, 0, 4, 0]), 2).tolist()
    [5, 0, 2, 0, 253, 255]
    """
    made = np.array(np.frombuffer(block, dtype=np.uint8))
    whole = len(made) // width * width
    numbers = made[:whole].view(f"<u{width}")
    numbers[1:] -= numbers[:-1].copy()
    return made


def summed(block: bytes | Bytes, width: int) -> Bytes:
    """What `differences` was given."""
    made = np.array(np.frombuffer(block, dtype=np.uint8))
    whole = len(made) // width * width
    numbers = made[:whole].view(f"<u{width}")
    np.cumsum(numbers, dtype=numbers.dtype, out=numbers)
    return made
