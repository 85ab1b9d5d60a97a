"""Made-up blocks: objects of eight kinds, each with statistics and codec outcomes that vary around its kind's.

The middles are roughly those of real files (Python sources, JSON, shared libraries, fonts, images, archives). How well an
object compresses beyond its kind moves its statistics and its ratios together, so that there is something to learn; the
rest is noise, so that not everything can be. Times are round figures of one machine: they show the loop, not a speed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.pakit.dedup.simulate import chunk_columns
from telltale.apps.pakit.schema import BLOCK_BYTES, CODECS, MEASURED_CODECS, TRIALS, TRIED_CODECS
from telltale.apps.pakit.statistics import STATISTICS

Floats = NDArray[np.float64]

_MOST_BLOCKS = 24
_STREAM = 1


@dataclass(frozen=True)
class Kind:
    """Middles of a kind of object.

    Args:
        statistics: in the order of STATISTICS.
        ratios: of the plain codecs, in their order.
        transformed: of those that put bytes in another order first.
        effort: how long a codec works on it, over the usual.
        spread: how far objects of the kind differ, in logarithms of the ratio.
    """

    statistics: tuple[float, ...]
    ratios: tuple[float, ...]
    transformed: tuple[float, ...]
    effort: float
    spread: float


_KINDS: Final = {
    "text": Kind(
        (4.55, 63, 27, 2.75, 0.50, 5.9, 6.1, 6.3, 6.6),
        (0.47, 0.46, 0.34, 0.32, 0.30, 0.29),
        (0.46, 0.49, 0.54),
        1.0,
        0.15,
    ),
    "prose": Kind(
        (4.50, 60, 26, 3.10, 0.40, 5.9, 6.1, 6.2, 6.3),
        (0.63, 0.62, 0.44, 0.41, 0.39, 0.39),
        (0.54, 0.55, 0.64),
        1.2,
        0.06,
    ),
    "log": Kind(
        (4.70, 62, 30, 2.20, 0.67, 5.7, 6.2, 6.6, 6.8),
        (0.22, 0.22, 0.14, 0.13, 0.12, 0.12),
        (0.18, 0.20, 0.21),
        0.6,
        0.20,
    ),
    "program": Kind(
        (5.40, 196, 89, 2.30, 0.41, 6.4, 6.9, 6.7, 6.8),
        (0.60, 0.61, 0.45, 0.43, 0.40, 0.37),
        (0.50, 0.52, 0.56),
        0.9,
        0.20,
    ),
    "numbers": Kind(
        (6.30, 240, 150, 1.90, 0.35, 6.8, 6.7, 5.2, 5.0),
        (0.62, 0.66, 0.50, 0.46, 0.43, 0.40),
        (0.44, 0.39, 0.42),
        0.8,
        0.25,
    ),
    "sparse": Kind(
        (1.90, 40, 6, 0.60, 0.93, 1.9, 2.1, 2.4, 2.9),
        (0.05, 0.07, 0.03, 0.03, 0.02, 0.02),
        (0.03, 0.03, 0.03),
        0.3,
        0.40,
    ),
    "packed": Kind(
        (7.80, 255, 203, 2.20, 0.24, 7.9, 7.9, 7.9, 7.9),
        (0.99, 1.00, 0.98, 0.98, 0.97, 0.97),
        (0.99, 0.99, 0.99),
        0.4,
        0.01,
    ),
    "random": Kind(
        (7.91, 256, 208, 2.25, 0.22, 7.9, 7.9, 7.9, 7.9),
        (1.00, 1.00, 1.00, 1.00, 1.00, 1.00),
        (1.00, 1.00, 1.00),
        0.3,
        0.00,
    ),
}
_NAMES = tuple(_KINDS)
# How common each kind is in a store, in the order above.
_SHARES = (0.22, 0.14, 0.14, 0.18, 0.12, 0.06, 0.10, 0.04)
# Seconds per 1e6 bytes, and seconds per call, of lz4, snappy, zstd_1, zstd_3, zstd_9, brotli, and of zstd_1 after shuffles
# and differences.
_WRITE: Final[Floats] = np.array([1.8e-3, 2.0e-3, 3.0e-3, 4.6e-3, 2.2e-2, 3.1e-2, 3.3e-3, 3.3e-3, 3.4e-3])
_WRITE_CALL: Final[Floats] = np.array([2e-6, 2e-6, 1.2e-5, 1.4e-5, 2e-5, 4e-5, *[1.6e-5] * 3])
_READ: Final[Floats] = np.array([3.5e-4, 7e-4, 9e-4, 1.0e-3, 1.1e-3, 4.0e-3, 1.2e-3, 1.2e-3, 1.5e-3])
_READ_CALL: Final[Floats] = np.array([1e-6, 1e-6, 8e-6, 8e-6, 8e-6, 1e-5, *[1.2e-5] * 3])
# What better compression than the kind's does to a statistic, in its own unit per unit of the ratio's logarithm.
_PULL: Final[Floats] = np.array([1.2, 30.0, 20.0, 0.8, -0.35, 1.2, 1.1, 1.0, 1.0])
_NOISE: Final[Floats] = np.array([0.05, 3.0, 2.0, 0.06, 0.015, 0.08, 0.08, 0.08, 0.08])
_HIGHEST: Final[Floats] = np.array([8.0, 256.0, 256.0, 8.0, 1.0, 8.0, 8.0, 8.0, 8.0])
_LOWEST: Final[Floats] = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])


def block_rows(seed: int, part: int) -> pl.DataFrame:
    """One object: its blocks in order, all codecs measured, one of them used, drawn at random."""
    rng = np.random.default_rng([seed, _STREAM, part])
    kind = _KINDS[_NAMES[int(rng.choice(len(_NAMES), p=_SHARES))]]
    n = int(min(1 + rng.geometric(1 / 10), _MOST_BLOCKS))
    sizes = np.full(n, float(BLOCK_BYTES))
    sizes[-1] = float(rng.integers(512, BLOCK_BYTES + 1))
    # The object's own, and a little of each block's.
    shift = kind.spread * (rng.normal() + 0.3 * rng.normal(size=n))
    statistics, ratios = _statistics(rng, kind, shift), _ratios(rng, kind, shift)
    effort = kind.effort * np.exp(0.6 * shift + 0.08 * rng.normal(size=n))
    write = _times(rng, _WRITE, _WRITE_CALL, effort, sizes)
    read = _times(rng, _READ, _READ_CALL, effort, sizes)
    used = rng.integers(0, len(CODECS), n)
    columns: dict[str, object] = {
        "object_id": [f"object-{seed}-{part}"] * n,
        "block_hash": [rng.bytes(16).hex() for _ in range(n)],
        "block_size": sizes,
        "block_depth": np.ceil(np.log2(np.arange(n) + 2)),
        "access_count": rng.poisson(rng.exponential(3.0), n).astype(np.float64),
        "compression_algorithm": [CODECS[place] for place in used],
        "compression_ratio": np.column_stack([np.ones(n), ratios])[np.arange(n), used],
        "propensity": np.full(n, 1.0 / len(CODECS)),
        "bandwidth_mb_s": pl.Series([None] * n, dtype=pl.Float64),
        "reads": pl.Series([None] * n, dtype=pl.Float64),
    }
    columns |= dict(zip(STATISTICS, statistics.T, strict=True))
    columns |= dict(zip(TRIALS, _trials(rng, ratios).T, strict=True))
    for place, codec in enumerate(MEASURED_CODECS):
        columns[f"{codec}_ratio"] = ratios[:, place]
        columns[f"{codec}_write_s_per_mb"] = write[:, place]
        columns[f"{codec}_read_s_per_mb"] = read[:, place]
    return pl.DataFrame(columns | chunk_columns(seed, part, sizes))


def _statistics(rng: np.random.Generator, kind: Kind, shift: Floats) -> Floats:
    n = len(shift)
    found = np.array(kind.statistics) + shift[:, None] * _PULL + rng.normal(size=(n, len(_NOISE))) * _NOISE
    return np.asarray(np.clip(found, _LOWEST, _HIGHEST))


def _ratios(rng: np.random.Generator, kind: Kind, shift: Floats) -> Floats:
    n = len(shift)
    middles = np.array((*kind.ratios, *kind.transformed))
    own = 0.03 * np.minimum(kind.spread * 10, 1.0) * rng.normal(size=(n, len(middles)))
    return np.asarray(np.clip(middles * np.exp(shift[:, None] + own), 1e-3, 1.01))


def _trials(rng: np.random.Generator, ratios: Floats) -> Floats:
    """What codecs make of a sample: roughly what they make of the block, and a little worse."""
    tried = ratios[:, [MEASURED_CODECS.index(codec) for codec in TRIED_CODECS]]
    return np.asarray(np.clip(tried * np.exp(0.05 + 0.06 * rng.normal(size=tried.shape)), 1e-3, 1.02))


def _times(rng: np.random.Generator, per_mb: Floats, per_call: Floats, effort: Floats, sizes: Floats) -> Floats:
    """Seconds per 1e6 bytes: a call's own time weighs more the smaller the block."""
    noise = np.exp(0.04 * rng.normal(size=(len(sizes), len(per_mb))))
    return np.asarray(per_mb * effort[:, None] * noise + per_call * 1e6 / sizes[:, None])
