"""Sequences of any acts in any order, such as free text, compared by how acts of each kind are timed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.mixed_channels import channels_of, read_channels
from telltale.models.verification.mixed_deviation import Deviation
from telltale.models.verification.mixed_features import Layout
from telltale.models.verification.mixed_ratio import LikelihoodRatio
from telltale.models.verification.mixed_spread import read_spread, spread_of


def mixed_background(people: Sequence[Sequence[TimedSequence]]) -> dict[str, NDArray[Any]]:
    """What is usual of people, and how far they and their sequences differ; the same arrays for the same people.

    Args:
        people: of each person, sequences. None of them is to be verified with it. A dozen people are few; two the least.

    Returns:
        Arrays to be stored, for `MixedMatcher`.

    Raises:
        NotEnoughDataError: there are not two people with acts.
    """
    known = [[one for one in own if len(one)] for own in people]
    known = [own for own in known if own]
    if len(known) < 2:
        raise NotEnoughDataError(
            f"{len(known)} people with acts",
            where="mixed",
            mend="Give sequences of two people or more, better of twenty.",
        )
    channels = channels_of([one for own in known for one in own])
    return channels.arrays() | spread_of(known, Layout(channels)).arrays()


class MixedMatcher:
    """Scores any sequences, higher where they are more likely this person's; on one scale for everybody.

    With a background the score is a log likelihood ratio (`LikelihoodRatio`), without one a mean deviation (`Deviation`): a
    threshold with a background is no threshold without.

    Not for: sequences of one pattern, where places can be compared (`AlignedMatcher`).

    Args:
        samples: the person's.
        background: what `mixed_background` gave for other people, or None.

    Raises:
        NotEnoughDataError: there is no sample with acts.
    """

    def __init__(self, samples: Sequence[TimedSequence], background: Mapping[str, NDArray[Any]] | None = None) -> None:
        known = [one for one in samples if len(one)]
        if not known:
            raise NotEnoughDataError("no samples to compare with", where="mixed", mend="Enrol the person first.")
        self._of: LikelihoodRatio | Deviation
        if background is None:
            self._of = Deviation(known, Layout(channels_of(known)))
        else:
            self._of = LikelihoodRatio(known, Layout(read_channels(background)), read_spread(background))

    def score(self, sequences: Sequence[TimedSequence]) -> NDArray[np.float64]:
        """One score per sequence, shape (n,), finite; a sequence's own depends on no other."""
        return np.array([self._of.score(one) for one in sequences], dtype=np.float64)
