"""Verification by one's own samples alone: nobody else's are looked at, in training or later."""

from collections.abc import Mapping, Sequence
from typing import final

from telltale.contract.estimator import Choice, Matcher, Parameter, Parameters, Parts, Tell, Traits, Verifier, silent
from telltale.contract.kinds import Kind
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.matcher import match


@final
class ProfileAlone:
    """Enrolled sequences as a profile; scores are normalised by what those score among themselves."""

    name = "profile_alone"
    kind: Kind = "verify"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        people: Sequence[Sequence[TimedSequence]],  # noqa: ARG002 - the threshold alone is learned from them
        *,
        parameters: Parameters,  # noqa: ARG002 - there are none
        seed: int,  # noqa: ARG002 - nothing is drawn
        tell: Tell = silent,  # noqa: ARG002 - nothing takes long
    ) -> Parts:
        """Nothing: what is compared with is enrolled later."""
        return Parts()

    def load(self, parts: Parts) -> Verifier:  # noqa: ARG002 - there are none
        """A verifier without background."""
        return _Own()


@final
class _Own:
    def matcher(self, enrolled: Sequence[TimedSequence]) -> Matcher:
        return match(enrolled, None)


ESTIMATOR = ProfileAlone()
