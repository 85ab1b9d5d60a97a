"""How values spread: between acts, between sequences of one person, and between people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_features import Described, Layout, Rows

PIECE: Final = 50  # acts
KEPT: Final = 0.1  # of each correlation: with few people most of what is seen is chance
_SEQUENCES: Final = (0.03, 0.001)  # variance between sequences over that of an act: of times, of shares
_PEOPLE: Final = (0.15, 0.005)  # the same between people
_LEAST_PEOPLE: Final = 4  # who must have a value, for it to count
_ENOUGH: Final = 5  # acts, for a value to count where spreads are learned
_HALF: Final = 20.0  # acts with which a sequence weighs half of what it can
_LEAST_APART: Final = 0.1  # of what is seen between people, that is not chance
# What is usual counts as so many degrees of freedom beside what is seen.
_PRIOR_ACTS: Final = 5.0
_PRIOR_SEQUENCES: Final = 5.0
_PRIOR_PEOPLE: Final = 2.0


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A normal model of values of people, of their sequences, and of acts.

    Args:
        columns: shape (f,): the values it is of, of all that are described.
        middle: shape (f,): the mean over people.
        acts: shape (f, f): covariance of a value of one act; of n acts it is 1/n of it.
        sequences: shape (f, f): covariance between sequences of a person, beyond that.
        people: shape (f, f): covariance between people.
    """

    columns: NDArray[np.int64]
    middle: Rows
    acts: Rows
    sequences: Rows
    people: Rows

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays that can be stored."""
        return {
            "columns": self.columns.astype(np.int32),
            "middle": self.middle.astype(np.float32),
            "acts": self.acts.astype(np.float32),
            "sequences": self.sequences.astype(np.float32),
            "people": self.people.astype(np.float32),
        }


def read_spread(arrays: Mapping[str, NDArray[Any]]) -> Spread:
    """The spread of stored arrays."""
    return Spread(
        columns=arrays["columns"].astype(np.int64),
        middle=arrays["middle"].astype(np.float64),
        acts=arrays["acts"].astype(np.float64),
        sequences=arrays["sequences"].astype(np.float64),
        people=arrays["people"].astype(np.float64),
    )


def spread_of(people: Sequence[Sequence[TimedSequence]], layout: Layout) -> Spread:
    """From sequences of several people. Correlations are shrunk, variances drawn to what is usual where little was seen."""
    acts = _covariance_of_acts([one for own in people for one in own], layout)
    means = [_mean_of_person(layout.describe(own)) for own in people]
    sequences = _between_sequences(means, acts, layout)
    n_seen = np.stack([mean.seen.sum(axis=0) for mean in means])
    n_acts = np.stack([mean.counts.sum(axis=0) for mean in means])
    has = (n_seen > 0).astype(np.float64)
    n_people = has.sum(axis=0)
    places = np.stack([mean.place for mean in means])
    middle = (places * has).sum(axis=0) / np.maximum(n_people, 1.0)
    centred = (places - middle) * has
    between = centred.T @ centred / np.maximum(has.T @ has - 1.0, 1.0)
    # The means lie apart by chance as well, as few sequences and acts as they are of.
    by_chance = (np.diag(sequences) / np.maximum(n_seen, 1.0) + np.diag(acts) / np.maximum(n_acts, 1.0)) * has
    apart = np.diag(between) - by_chance.sum(axis=0) / np.maximum(n_people, 1.0)
    apart = np.maximum(apart, _LEAST_APART * np.diag(between))
    usual = np.diag(acts) * _times_and_shares(_PEOPLE, layout)
    variances = (apart * n_people + usual * _PRIOR_PEOPLE) / (n_people + _PRIOR_PEOPLE)
    columns = np.flatnonzero(n_people >= min(_LEAST_PEOPLE, len(people)))
    kept = np.ix_(columns, columns)
    return Spread(
        columns=columns,
        middle=middle[columns],
        acts=acts[kept],
        sequences=sequences[kept],
        people=_shrunk(between, variances)[kept],
    )


class _Mean(msgspec.Struct, frozen=True, kw_only=True):
    """Of one person's sequences: which values were seen, of how many acts, their mean, and how far each is from it."""

    seen: Rows
    counts: Rows
    place: Rows
    deviations: Rows


def _mean_of_person(rows: Described) -> _Mean:
    counts = np.where(rows.counts >= _ENOUGH, rows.counts, 0.0)
    seen = (counts > 0).astype(np.float64)
    weights = counts / (counts + _HALF)
    place = (rows.values * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-9)
    return _Mean(seen=seen, counts=counts, place=place, deviations=(rows.values - place) * seen)


def _between_sequences(means: Sequence[_Mean], acts: Rows, layout: Layout) -> Rows:
    """Covariance of sequences about their person's mean, less what that of their acts explains."""
    within, by_acts, freedom = np.zeros_like(acts), np.zeros(len(acts)), np.zeros(len(acts))
    for mean in means:
        n = mean.seen.sum(axis=0)
        free = np.maximum(n - 1.0, 0.0)
        within += mean.deviations.T @ mean.deviations
        freedom += free
        by_acts += (mean.seen / np.maximum(mean.counts, 1.0)).sum(axis=0) * free / np.maximum(n, 1.0) * np.diag(acts)
    usual = usual_between_sequences(np.diag(acts), layout)
    beyond = np.maximum(np.diag(within) - by_acts, 0.0)
    return _shrunk(within, (beyond + _PRIOR_SEQUENCES * usual) / (freedom + _PRIOR_SEQUENCES))


def usual_between_sequences(variances: Rows, layout: Layout) -> Rows:
    """What a person's sequences usually vary by beyond their acts, given what one act varies by."""
    return variances * _times_and_shares(_SEQUENCES, layout)


def variances_of_acts(sequences: Sequence[TimedSequence], layout: Layout) -> Rows:
    """What one act's values vary by, shape (f,); drawn to what is usual where little was seen."""
    square, freedom = _about_sequences(sequences, layout, crossed=False)
    return _drawn(square, freedom, layout)


def _covariance_of_acts(sequences: Sequence[TimedSequence], layout: Layout) -> Rows:
    square, freedom = _about_sequences(sequences, layout, crossed=True)
    return _shrunk(square, _drawn(np.diag(square), np.diag(freedom), layout))


def _about_sequences(sequences: Sequence[TimedSequence], layout: Layout, *, crossed: bool) -> tuple[Rows, Rows]:
    """Squares, or products where `crossed`, of values of pieces about the mean of their sequence; and degrees of freedom."""
    cut = [_pieces(sequence) for sequence in sequences]
    found = layout.describe([piece for pieces in cut for piece in pieces])
    first = np.cumsum([0, *map(len, cut)])[:-1]
    whose = np.repeat(np.arange(len(cut)), [len(pieces) for pieces in cut])
    counts = found.counts
    mean = np.add.reduceat(found.values * counts, first) / np.maximum(np.add.reduceat(counts, first), 1.0)
    deviations = (found.values - mean[whose]) * np.sqrt(counts)
    seen = (counts > 0).astype(np.float64)
    n_seen = np.add.reduceat(seen, first)
    if not crossed:
        return (deviations**2).sum(axis=0), np.maximum(n_seen - 1.0, 0.0).sum(axis=0)
    both = sum(np.maximum(own.T @ own - 1.0, 0.0) for own in np.split(seen, first[1:]))
    return deviations.T @ deviations, np.asarray(both)


def _drawn(square: Rows, freedom: Rows, layout: Layout) -> Rows:
    return (square + _PRIOR_ACTS * layout.usual) / (freedom + _PRIOR_ACTS)


def _pieces(sequence: TimedSequence) -> list[TimedSequence]:
    """Pieces of `PIECE` acts, or two halves where there is no room for two."""
    n = len(sequence)
    size = PIECE if n >= 2 * PIECE else max(n // 2, 1)
    return [_piece(sequence, first, first + size) for first in range(0, max(n - size + 1, 1), size)]


def _piece(sequence: TimedSequence, first: int, last: int) -> TimedSequence:
    since = sequence.since_ms[first:last].copy()
    since[:1] = 0.0
    return TimedSequence(kinds=sequence.kinds[first:last], lasted_ms=sequence.lasted_ms[first:last], since_ms=since)


def _shrunk(square: Rows, variances: Rows) -> Rows:
    """A covariance of these variances with some of the correlations seen, positive definite."""
    deviations = np.sqrt(np.maximum(np.diag(square), 1e-12))
    kept = KEPT * np.clip(square / np.outer(deviations, deviations), -1.0, 1.0)
    np.fill_diagonal(kept, 1.0)
    roots, axes = np.linalg.eigh(kept)
    scale = np.sqrt(variances)
    made: Rows = (axes * np.maximum(roots, 1e-3)) @ axes.T * np.outer(scale, scale)
    return made


def _times_and_shares(ratios: tuple[float, float], layout: Layout) -> Rows:
    """The first for every time, the second for the shares of kinds at the end."""
    made = np.full(len(layout.usual), ratios[0])
    made[-layout.n_shares :] = ratios[1]
    return made
