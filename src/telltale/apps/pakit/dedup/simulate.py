"""Made-up fingerprints of the chunks of blocks: most objects are edits of others, as versions of one file are."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.pakit.dedup.chunks import FINGERPRINT_BITS

_CHUNK_BYTES: Final = 640.0
# Objects of one family have a common origin, each with a share of its chunks of its own.
_N_FAMILIES: Final = 40
_OF_FAMILY: Final = 0.75
_MOST_EDITED: Final = 0.3
_REMOVED: Final = 0.02
_OBJECT, _ORIGIN = 7, 8


def chunk_columns(seed: int, part: int, sizes: NDArray[np.float64]) -> dict[str, pl.Series]:
    """The columns `chunk_hashes` and `is_removed` of the blocks of one object, of these sizes in bytes."""
    rng = np.random.default_rng([seed, _OBJECT, part])
    family = int(rng.integers(0, _N_FAMILIES)) if rng.random() < _OF_FAMILY else None
    edited = rng.uniform(0.0, _MOST_EDITED)
    lists: list[list[float]] = []
    for place, size in enumerate(sizes.tolist()):
        n = max(1, round(size / _CHUNK_BYTES))
        own = rng.integers(0, 1 << FINGERPRINT_BITS, n)
        if family is not None:
            origin = np.random.default_rng([seed, _ORIGIN, family, place]).integers(0, 1 << FINGERPRINT_BITS, n)
            own = np.where(rng.random(n) < edited, own, origin)
        lists.append(own.astype(np.float64).tolist())
    return {
        "chunk_hashes": pl.Series(lists, dtype=pl.List(pl.Float64)),
        "is_removed": pl.Series((rng.random(len(sizes)) < _REMOVED).astype(np.float64)),
    }
