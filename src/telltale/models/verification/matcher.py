"""The way to compare any sequence with a person's own: place by place where it is of their pattern, else as any text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Matcher
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.aligned import AlignedMatcher, aligned_background
from telltale.models.verification.aligned_features import n_features
from telltale.models.verification.mixed import MixedMatcher, mixed_background

LEAST_ALIKE: Final = 4  # samples of one pattern, for it to be the person's
FEW: Final = 30  # samples of the pattern; where there are as many, the mixed matcher has nothing to add

_ALIGNED: Final = "aligned_"
_MIXED: Final = "mixed_"

Scores = NDArray[np.float64]


def fit_background(people: Sequence[Sequence[TimedSequence]]) -> dict[str, NDArray[Any]]:
    """What other people are like, for `match`: how they make any sequence, and the pattern that they share if they do.

    Args:
        people: of each person, sequences, oldest first; at least two people. None of them is to be verified with it.

    Returns:
        Arrays to be stored; the same for the same people in the same order.

    Raises:
        NotEnoughDataError: there are not two people with acts.
    """
    parts = ((_ALIGNED, aligned_background(people)), (_MIXED, mixed_background(people)))
    return {f"{prefix}{name}": array for prefix, arrays in parts for name, array in arrays.items()}


def match(enrolled: Sequence[TimedSequence], background: Mapping[str, NDArray[Any]] | None) -> Matcher:
    """A matcher of somebody's enrolled sequences, oldest first.

    Its score is near the log odds that a sequence is theirs, where impostors are as many as genuine ones beforehand: on
    one scale for everybody and for both ways to compare. With a background and without one the scale is another.

    Args:
        enrolled: at least one with acts.
        background: what `fit_background` gave for other people, or None.

    Raises:
        NotEnoughDataError: there is no sequence with acts.
    """
    aligned, mixed = _part(background, _ALIGNED), _part(background, _MIXED)
    pattern = pattern_of(enrolled)
    if pattern is None:
        return _AnySequence(enrolled, mixed)
    return _OwnPattern(pattern, enrolled, aligned=aligned, mixed=mixed)


def pattern_of(enrolled: Sequence[TimedSequence]) -> NDArray[np.uint8] | None:
    """The kinds, in their order, that most of the enrolled sequences share; None where they do not, or are few."""
    counted = Counter(one.kinds.tobytes() for one in enrolled).most_common(1)
    if not counted:
        return None
    pattern, n = counted[0]
    is_own = pattern and n >= LEAST_ALIKE and 2 * n > len(enrolled)
    return np.frombuffer(pattern, dtype=np.uint8) if is_own else None


class _AnySequence:
    """Log odds from the mixed matcher, as lines that were fitted on enrolled sessions (docs/experiments.md)."""

    def __init__(self, enrolled: Sequence[TimedSequence], background: Mapping[str, NDArray[Any]] | None) -> None:
        self._matcher = MixedMatcher(enrolled, background)
        # A ratio has its zero where it should, but counts values that go together as if each were news.
        self._slope, self._offset = (7.5, 7.0) if background is None else (0.1, 0.0)

    def score(self, sequences: Sequence[TimedSequence]) -> Scores:
        return self._slope * self._matcher.score(sequences) + self._offset


class _OwnPattern:
    """Log odds from the aligned matcher; from both where samples are few; from the mixed one for sequences of other kinds.

    Place by place much must be learned, and with few samples what the mixed matcher sees, all places together, adds to it. It
    is made when it is needed.
    """

    def __init__(
        self,
        pattern: NDArray[np.uint8],
        enrolled: Sequence[TimedSequence],
        *,
        aligned: Mapping[str, NDArray[Any]] | None,
        mixed: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        self._pattern, self._enrolled, self._background = pattern, enrolled, mixed
        alike = [one for one in enrolled if self._is_alike(one)]
        has_cohort = bool(aligned) and aligned is not None and np.array_equal(aligned["kinds"], pattern)
        self._aligned = AlignedMatcher(alike, aligned if has_cohort else None)
        # Of the score per feature: where own and impostors' meet, and how steeply the odds rise there.
        slope, meet = (5.5, -0.9) if has_cohort else (6.0, -1.2)
        self._slope, self._offset = slope / n_features(len(pattern)), -slope * meet
        self._share = 0.0 if len(alike) >= FEW else 0.5 if has_cohort else 0.4
        self._mixed: _AnySequence | None = None

    def score(self, sequences: Sequence[TimedSequence]) -> Scores:
        return np.array([self._score(one) for one in sequences], dtype=np.float64)

    def _score(self, sequence: TimedSequence) -> float:
        if not self._is_alike(sequence):
            return self._any(sequence)
        placed = self._slope * float(self._aligned.score([sequence])[0]) + self._offset
        return placed if not self._share else (1.0 - self._share) * placed + self._share * self._any(sequence)

    def _any(self, sequence: TimedSequence) -> float:
        if self._mixed is None:
            self._mixed = _AnySequence(self._enrolled, self._background)
        return float(self._mixed.score([sequence])[0])

    def _is_alike(self, sequence: TimedSequence) -> bool:
        return np.array_equal(sequence.kinds, self._pattern)


def _part(background: Mapping[str, NDArray[Any]] | None, prefix: str) -> dict[str, NDArray[Any]] | None:
    if background is None:
        return None
    return {name.removeprefix(prefix): array for name, array in background.items() if name.startswith(prefix)}
