"""Blocks cut where their content says so, and a fingerprint of each chunk: what an insertion moves stays the same chunk.

Only fingerprints leave this file: 52 bits of a cryptographic hash of some hundred bytes. Whoever has a block can tell whether
a fingerprint is of one of its chunks; nobody can read a chunk back that they could not guess whole.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

# About 640 bytes on average: a block of 64 KiB has some hundred chunks, of which an edit touches one or two.
LEAST_CHUNK_BYTES: Final = 128
MOST_CHUNK_BYTES: Final = 2_048
_CUT_BITS: Final = 9
FINGERPRINT_BITS: Final = 52  # below 2**53 a float64 holds every whole number

# A cut depends on the 32 bytes before it and on nothing else: each step doubles how far back a hash looks.
_STEPS: Final = (1, 2, 4, 8, 16)
_CUT: Final = np.uint32((1 << _CUT_BITS) - 1) << np.uint32(32 - _CUT_BITS)
_GEAR: Final[NDArray[np.uint32]] = np.random.default_rng(20_240_101).integers(0, 1 << 32, 256, dtype=np.uint32)


def chunk_fingerprints(block: bytes) -> list[float]:
    """The fingerprints of the chunks of a block, each once, in the order of the block; none of an empty one.

    They are whole numbers below 2**52, as floats, which columns hold.
    """
    found = dict.fromkeys(
        int.from_bytes(hashlib.blake2b(chunk, digest_size=7).digest(), "little") >> (56 - FINGERPRINT_BITS)
        for chunk in chunks(block)
    )
    return [float(fingerprint) for fingerprint in found]


def chunks(block: bytes) -> Iterator[memoryview]:
    """A block cut by its content: chunks of 128 to 2,048 bytes, the last one maybe shorter.

    A cut is where the upper bits of a rolling hash of the 32 bytes before it are zero.

    References:
        Xia et al., "FastCDC: a fast and efficient content-defined chunking approach for data deduplication", USENIX ATC
        2016, for the gear hash; Muthitacharoen, Chen & Mazières, "A low-bandwidth network file system", SOSP 2001.
    """
    view = memoryview(block)
    start = 0
    for cut in (*_cuts(block), len(block)):
        while cut - start > MOST_CHUNK_BYTES:
            yield view[start : start + MOST_CHUNK_BYTES]
            start += MOST_CHUNK_BYTES
        if cut - start >= LEAST_CHUNK_BYTES or (cut == len(block) and cut > start):
            yield view[start:cut]
            start = cut


def _cuts(block: bytes) -> list[int]:
    """Where a chunk may end, ascending, by the gear hash of the bytes before: all places at once."""
    hashes = _GEAR[np.frombuffer(block, dtype=np.uint8)]
    for step in _STEPS:
        later = hashes[step:] + (hashes[:-step] << np.uint32(step))
        hashes = np.concatenate((hashes[:step], later))
    return [int(place) + 1 for place in np.flatnonzero(hashes & _CUT == 0)]
