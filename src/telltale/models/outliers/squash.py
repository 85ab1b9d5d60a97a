"""Standard scores whose far ends are drawn in, so that one odd column does not outweigh all the others."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Features

# Standard deviations from the middle up to which a value counts as it is; beyond, as a logarithm that starts so steeply.
CORE: Final = 1.5
BEYOND: Final = 0.3
# No value is taken further out than this, so that what float32 holds stays finite.
FURTHEST: Final = 1e30
_LEAST_SPREAD: Final = 1e-6


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """The middle of each column and one over its spread; shape (k,) each. A column that never moved has spread 1."""

    centre: NDArray[np.float32]
    factor: NDArray[np.float32]


def scale_of(rows: Features) -> Scale:
    """Means and standard deviations of rows, shape (n, k)."""
    held = np.clip(rows.astype(np.float64), -FURTHEST, FURTHEST)
    spread = held.std(axis=0)
    spread = np.where(spread > 0, np.maximum(spread, _LEAST_SPREAD), 1.0)
    return Scale(centre=held.mean(axis=0).astype(np.float32), factor=(1.0 / spread).astype(np.float32))


def squash(rows: Features, scale: Scale) -> Features:
    """Standard scores z of the shape (n, k): `z` up to `CORE` either way, beyond it `CORE + BEYOND ln(1 + (|z| - CORE) / BEYOND)`.

    >>> one = Scale(centre=np.zeros(1, dtype=np.float32), factor=np.ones(1, dtype=np.float32))
    >>> squash(np.array([[1.0], [-10.0]], dtype=np.float32), one).round(2).tolist()
    [[1.0], [-2.509999990463257]]
    """
    z = (np.clip(rows, -FURTHEST, FURTHEST) - scale.centre) * scale.factor
    far = np.maximum(np.abs(z) - np.float32(CORE), 0)
    drawn = np.minimum(np.abs(z), np.float32(CORE)) + np.float32(BEYOND) * np.log1p(far / np.float32(BEYOND))
    return np.asarray(np.sign(z) * drawn, dtype=np.float32)
