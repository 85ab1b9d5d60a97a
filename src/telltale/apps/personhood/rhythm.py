"""How somebody types, as a picture needs it: quartiles of holds by class of key, and of gaps by both classes."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.contract.sequence import TimedSequence


class Hold(msgspec.Struct, frozen=True, kw_only=True, rename={"of": "class"}):
    """How long keys of a class are held, in ms: the quartiles of `n` of them."""

    of: str
    low: float
    median: float
    high: float
    n: int


class Gap(msgspec.Struct, frozen=True, kw_only=True, rename={"after": "from"}):
    """From the press of a key of one class to the press of the next, of another or the same, in ms: quartiles of `n`."""

    after: str
    to: str
    low: float
    median: float
    high: float
    n: int


def holds_of(sequences: Sequence[TimedSequence]) -> tuple[Hold, ...]:
    """Of each class of which there are keys, in the order of `KEY_CLASSES`."""
    kinds = np.concatenate([np.empty(0, dtype=np.uint8), *(sequence.kinds for sequence in sequences)])
    lasted = np.concatenate([np.empty(0, dtype=np.float32), *(sequence.lasted_ms for sequence in sequences)])
    found = []
    for code, name in enumerate(KEY_CLASSES):
        values = lasted[kinds == code]
        if len(values):
            low, median, high = _quartiles(values)
            found.append(Hold(of=name, low=low, median=median, high=high, n=len(values)))
    return tuple(found)


def gaps_of(sequences: Sequence[TimedSequence]) -> tuple[Gap, ...]:
    """Of each pair of classes that came one after the other, within a session."""
    n = len(KEY_CLASSES)
    pairs = np.concatenate(
        [np.empty(0, dtype=np.int64), *(one.kinds[:-1].astype(np.int64) * n + one.kinds[1:] for one in sequences)]
    )
    since = np.concatenate([np.empty(0, dtype=np.float32), *(one.since_ms[1:] for one in sequences)])
    found = []
    for pair in np.unique(pairs).tolist():
        values = since[pairs == pair]
        low, median, high = _quartiles(values)
        after, to = KEY_CLASSES[pair // n], KEY_CLASSES[pair % n]
        found.append(Gap(after=after, to=to, low=low, median=median, high=high, n=len(values)))
    return tuple(found)


def _quartiles(values: NDArray[np.float32]) -> tuple[float, float, float]:
    low, median, high = np.quantile(values.astype(np.float64), (0.25, 0.5, 0.75)).round(1).tolist()
    return low, median, high
