"""What labelled texts say of a text: a linear model of hashed n-grams, fitted so that no text has a part in its own odds."""

from base64 import b85decode, b85encode
from collections.abc import Callable, Sequence
from typing import Final
from zlib import compress, crc32, decompress

import numpy as np
from numpy.typing import NDArray

from telltale.contract.plan import TextOdds
from telltale.features.text import Form
from telltale.features.text_grams import N_BINS, Bins, grams

# Texts are dealt by their checksum into so many parts; a table is fitted on all parts but one.
N_PARTS: Final = 4
# The largest weight of a table is this: of a coarse scale most weights are alike, and a table takes little room.
_LARGEST: Final = 31.0
_JOIN: Final = "\n"
_GRAMS: Final[tuple[tuple[Form, int, bool], ...]] = (
    ("characters", 1, False),
    ("characters", 2, False),
    ("characters", 3, False),
    ("shapes", 1, True),
    ("shapes", 2, True),
)
# Strength of the pull towards 0: the inverse of scikit-learn's C.
_C: Final = 100.0


def odds_reader(step: TextOdds) -> Callable[..., float]:
    """The function that a step is, of the texts of its columns."""
    tables = [np.frombuffer(decompress(b85decode(table)), dtype=np.int8).astype(np.float64) for table in step.tables]

    def read(*texts: str | None) -> float:
        part = part_of(texts) % len(tables)
        bins = text_bins(texts)
        if not len(bins):
            return 0.0
        return float(tables[part][bins].sum()) / float(np.sqrt(len(bins))) * step.scales[part] + step.offsets[part]

    return read


def part_of(texts: Sequence[str | None]) -> int:
    """A number for the texts of a row."""
    return crc32(_JOIN.join(text or "" for text in texts).encode("utf-8", "replace")) >> 8


def text_bins(texts: Sequence[str | None]) -> Bins:
    """The bins of all n-grams of the texts of a row, each bin once: of characters, and of shapes by parameter."""
    found = []
    for place, text in enumerate(texts):
        if text:
            for kind, (form, size, by_parameter) in enumerate(_GRAMS):
                own = 7_919 * (place + 1) if by_parameter else 0  # a word is the same in whatever text
                found.append(
                    (grams(text, form=form, size=size, by_parameter=by_parameter) + own + 1_543 * kind) % N_BINS
                )
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def fit_text_odds(
    out: str, columns: tuple[str, ...], rows: Sequence[Sequence[str | None]], labels: NDArray[np.int8], *, seed: int = 0
) -> TextOdds | None:
    """A fitted step; None where a part has not both kinds of row.

    Args:
        out: the column it writes.
        columns: what it reads.
        rows: the texts of each row; rows that are alike count once.
        labels: 0 or 1, of each row.
        seed: of the fit.
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    first: dict[tuple[str | None, ...], int] = {}
    for place, row in enumerate(rows):
        first.setdefault(tuple(row), place)
    truth = labels[list(first.values())]
    part = np.array([part_of(row) % N_PARTS for row in first])
    bins = [text_bins(row) for row in first]
    ends = np.cumsum([0, *(len(found) for found in bins)])
    sizes = np.repeat(1.0 / np.sqrt(np.maximum(np.diff(ends), 1)), np.diff(ends))
    matrix = csr_matrix((sizes, np.concatenate(bins), ends), shape=(len(bins), N_BINS))
    tables, scales, offsets = [], [], []
    for number in range(N_PARTS):
        fitted = part != number
        if len(np.unique(truth[fitted])) < 2 or len(np.unique(truth[~fitted])) < 2:
            return None
        model = LogisticRegression(C=_C, solver="liblinear", max_iter=200, random_state=seed)
        model.fit(matrix[fitted], truth[fitted])
        weights = np.asarray(model.coef_[0], dtype=np.float64)
        scale = max(float(np.abs(weights).max()) / _LARGEST, 1e-12)
        tables.append(b85encode(compress(np.rint(weights / scale).astype(np.int8).tobytes(), 9)).decode())
        scales.append(scale)
        offsets.append(float(model.intercept_[0]))
    return TextOdds(out=out, columns=columns, tables=tuple(tables), scales=tuple(scales), offsets=tuple(offsets))
