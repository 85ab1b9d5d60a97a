"""Sequences of one pattern, such as a password, compared place by place."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.models.verification.aligned_cohort import aligned_background, cohort_of
from telltale.models.verification.aligned_features import aligned_features, per_feature
from telltale.models.verification.aligned_person import SETTINGS, AlignedSettings, Rows, half_lives, learn_person
from telltale.models.verification.sequence import TimedSequence

__all__ = ["AlignedMatcher", "aligned_background"]

# Of durations and gaps, in the units of the features: how far one person's samples spread, and how far people's means do.
_WITHIN: Final = (0.14, 0.40)
_BETWEEN: Final = (0.25, 0.60)
_CHUNK: Final = 256


class AlignedMatcher:
    """Scores sequences by their nearness to one person's own. Not for sequences of other kinds, or in another order.

    A sample is put into the person's own deviations (`Person`). Its distance to each recent sample is the sum over features
    of the absolute difference, cut, and weighted: a feature in which the person spreads as far as people differ tells
    little. The score is the softened nearness to the nearest, recent ones weighing more; higher is more likely the person.

    With a background of the same pattern the score gains by how unlikely that cohort finds the sample: a likelihood ratio in
    all but name. A background of another pattern says nothing place by place and is left aside; without one the score gains a
    constant by how narrow the person is. In one set-up a score means much the same whoever it is and however many samples are
    enrolled: own scores and impostors' meet between -1.2 and -1.0 per feature without a background, -0.9 and -0.7 with one. A
    threshold for the one set-up is none for the other.

    Args:
        samples: the person's, oldest first; all of the same kinds in the same order.
        background: what `aligned_background` gave for other people, or None.
        settings: of the matcher.

    Raises:
        NotEnoughDataError: there is no sample, or they are of no act.
        SchemaError: samples differ in their kinds.

    References:
        Zhong, Deng & Jain, "Keystroke dynamics for user authentication", CVPR workshops 2012 (decorrelation, then L1 to the
        nearest); Kessy, Lewin & Strimmer, "Optimal whitening and decorrelation", The American Statistician 2018 (ZCA).
    """

    def __init__(
        self,
        samples: Sequence[TimedSequence],
        background: Mapping[str, NDArray[Any]] | None = None,
        *,
        settings: AlignedSettings = SETTINGS,
    ) -> None:
        if not samples or not len(samples[0]):
            raise NotEnoughDataError("no samples to compare with", where="aligned", mend="Enrol the person first.")
        self.kinds = samples[0].kinds
        n_acts = len(self.kinds)
        between = per_feature(*_BETWEEN, n_acts)
        fits = bool(background) and background is not None and np.array_equal(background["kinds"], self.kinds)
        known = background if fits else None
        self._settings = settings
        self._person = learn_person(
            aligned_features(samples, self.kinds),
            typical=per_feature(*_WITHIN, n_acts),
            correlation=np.eye(len(between)) if known is None else known["correlation"].astype(np.float64),
            settings=settings,
        )
        self._neighbours = self._person.residuals[-settings.most_neighbours :]
        self._log_weights = np.log(half_lives(len(self._neighbours), settings.neighbour_half_life))
        told = 1.0 / (1.0 + (self._person.spread / between) ** 2)
        self._told = told / told.mean()
        self._cohort = None if known is None else cohort_of(self._person, known, settings=settings)
        narrower = 0.5 * float(np.log1p((between / self._person.spread) ** 2).sum()) if known is None else 0.0
        self._constant = settings.contrast_weight * narrower

    def score(self, sequences: Sequence[TimedSequence]) -> NDArray[np.float64]:
        """One score per sequence, shape (n,), finite; a sequence's own depends on no other.

        Raises:
            SchemaError: a sequence is not of the kinds enrolled.
        """
        rows = aligned_features(sequences, self.kinds)
        chunks = [self._score(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
        return np.concatenate(chunks) if chunks else np.empty(0)

    def _score(self, rows: Rows) -> Rows:
        deviations = self._person.standardised(rows)
        nearness = self._nearness(deviations) + self._constant
        if self._cohort is None:
            return nearness
        made: Rows = nearness + self._settings.cohort_weight * self._cohort.surprise(deviations)
        return made

    def _nearness(self, deviations: Rows) -> Rows:
        apart = np.minimum(np.abs(deviations[:, None, :] - self._neighbours), self._settings.most_distance)
        softness = self._settings.softness
        exponents = self._log_weights - np.einsum("nmf,f->nm", apart, self._told) / softness
        top = exponents.max(axis=1, keepdims=True)
        made: Rows = softness * (np.log(np.exp(exponents - top).sum(axis=1)) + top[:, 0])
        return made
