"""Names that a shopkeeper can read, from what the rows of a segment have more or less of than the rest."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

# A column is worth a word where the segment's rows stand this far, on average, from the middle rank (0 to 1).
_NOTABLE = 0.1
# How many words a name has, unless more are needed to tell two segments apart.
_USUAL_WORDS = 2
_ORDINARY = "about average"


def segment_names(values: pl.DataFrame, which: NDArray[np.int64]) -> tuple[str, ...]:
    """A name for each segment, no two the same: "many purchases, few logins".

    Ranks decide and not means, so that one customer who bought a thousand times names nobody's segment.

    Args:
        values: the measured columns; those that are not numbers are left out.
        which: the segment of each row, every one from 0 on with a row at least.
    """
    columns = [name for name in values.columns if values[name].dtype.is_numeric()]
    n_segments = int(which.max()) + 1
    standing = np.zeros((n_segments, len(columns)))
    for place, name in enumerate(columns):
        ranks = (values[name].rank("average").to_numpy().astype(np.float64) - 0.5) / values.height
        standing[:, place] = np.bincount(which, weights=np.nan_to_num(ranks, nan=0.5)) / np.bincount(which) - 0.5
    told = [_words(columns, row) for row in standing]
    lengths = [min(_USUAL_WORDS, len(words)) for words in told]
    while True:
        # The same words in another order tell nobody which is which.
        said = [frozenset(words[:length]) for words, length in zip(told, lengths, strict=True)]
        clashing = [i for i, words in enumerate(said) if said.count(words) > 1 and lengths[i] < len(told[i])]
        if not clashing:
            break
        for i in clashing:
            lengths[i] += 1
    names = [", ".join(words[:length]) or _ORDINARY for words, length in zip(told, lengths, strict=True)]
    return distinct(names)  # some are out of words


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, no two the same: those that are get numbers, in their order.

    >>> distinct(["new", "best", "new"])
    ('new (1)', 'best', 'new (2)')
    """
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    )


def _words(columns: list[str], standing: NDArray[np.float64]) -> list[str]:
    """What stands out, the furthest first."""
    order = sorted(range(len(columns)), key=lambda place: (-abs(standing[place]), place))
    return [_word(columns[place], standing[place]) for place in order if abs(standing[place]) >= _NOTABLE]


def _word(column: str, standing: float) -> str:
    if column.endswith("_count"):
        thing = column.removesuffix("_count").replace("_", " ")
        return f"{'many' if standing > 0 else 'few'} {thing}s"
    return f"{'high' if standing > 0 else 'low'} {column.replace('_', ' ')}"
