"""Made-up reads of blocks; what was prefetched was drawn at random, with its probability."""

import hashlib

import numpy as np
import polars as pl

from telltale.apps.pakit.schema import BLOCK_BYTES

_PART = 240
_N_OBJECTS, _OBJECT_BLOCKS = 60, 40
_N_STREAMS, _N_HASHED = 4, 400
_ACCESS = 2


def access_rows(seed: int, part: int) -> pl.DataFrame:
    """Four streams: three read a volume by address, the fourth objects by the hashes of their blocks.

    A stream reads on where it is, jumps to the beginning of a popular object, goes through a table by a stride of its own, or
    jumps to anywhere. The fourth has few objects, which come again and again.
    """
    rng = np.random.default_rng([seed, _ACCESS, part])
    popular = 1.0 / np.arange(1, _N_OBJECTS + 1)
    popular /= popular.sum()
    n_blocks = _N_OBJECTS * _OBJECT_BLOCKS
    place = rng.integers(0, n_blocks, _N_STREAMS)
    stride = np.ones(_N_STREAMS, dtype=np.int64)
    streams, blocks = [], []
    for _ in range(_PART):
        stream = int(rng.integers(0, _N_STREAMS))
        chance = rng.random()
        if chance < 0.93:
            place[stream] += stride[stream]
        elif chance < 0.98:
            place[stream], stride[stream] = rng.choice(_N_OBJECTS, p=popular) * _OBJECT_BLOCKS, 1
        elif chance < 0.99:
            stride[stream] = rng.choice((3, 7))
        else:
            place[stream], stride[stream] = rng.integers(0, n_blocks), 1
        place[stream] %= n_blocks
        streams.append(f"stream-{stream}")
        is_hash = stream == _N_STREAMS - 1
        blocks.append(_hash_of(int(place[stream]) % _N_HASHED) if is_hash else str(place[stream]))
    return pl.DataFrame(
        {
            "stream": streams,
            "block_hash": blocks,
            "block_size": np.full(_PART, float(BLOCK_BYTES)),
            "operation": np.where(rng.random(_PART) < 0.9, "read", "write"),
            "was_prefetched": (rng.random(_PART) < 0.1).astype(np.float64),
            "propensity": np.full(_PART, 0.1),
        }
    )


def _hash_of(number: int) -> str:
    return hashlib.blake2b(number.to_bytes(8, "little"), digest_size=16).hexdigest()
