"""Verification with a background: people other than those who are verified say what is usual, and how far people vary."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Choice, Matcher, Parameter, Parameters, Parts, Tell, Traits, Verifier, silent
from telltale.contract.kinds import Kind
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.matcher import fit_background, match

_LEAST_PEOPLE = 4


@final
class ProfileCohort:
    """Enrolled sequences as a profile; scores are normalised by what others' sequences score."""

    name = "profile_cohort"
    kind: Kind = "verify"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        people: Sequence[Sequence[TimedSequence]],
        *,
        parameters: Parameters,  # noqa: ARG002 - there are none
        seed: int,  # noqa: ARG002 - nothing is drawn
        tell: Tell = silent,  # noqa: ARG002 - it takes a moment
    ) -> Parts:
        """A background of these people. Raises NotEnoughDataError where they are too few."""
        if len(people) < _LEAST_PEOPLE:
            raise NotEnoughDataError(
                f"{len(people)} people with enough rows",
                where=f"train: {self.name}",
                mend=f"Give rows of at least {_LEAST_PEOPLE}, or train with --estimator profile_alone, which needs no others.",
            )
        return Parts(arrays=fit_background(people))

    def load(self, parts: Parts) -> Verifier:
        """A verifier with that background. Raises BundleError."""
        if not parts.arrays:
            raise BundleError("there are no arrays", where=self.name, mend="Restore the bundle, or train again.")
        return _WithBackground(parts.arrays)


@final
class _WithBackground:
    def __init__(self, background: Mapping[str, NDArray[Any]]) -> None:
        self._background = background

    def matcher(self, enrolled: Sequence[TimedSequence]) -> Matcher:
        return match(enrolled, self._background)


ESTIMATOR = ProfileCohort()
