"""Sequential read-ahead: after two addresses in a row, the next few. The baseline that prefetching must beat, as a full citizen."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, final

import numpy as np

from telltale.contract.errors import BundleError, UsageError
from telltale.contract.estimator import Choice, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.contract.learners import Foretold
from telltale.models.succession.addresses import address_of
from telltale.models.succession.gate import NOTHING

_MOST_RECENT: Final = 64
MOST_AHEAD: Final = 64


@final
class Sequential:
    """The next `degree` addresses, wherever the one before was there, or among the last that were come to.

    It learns nothing, and counts nothing: what it foretells has no precision of its own, and its scores fall by place.

    Not for: hashes, which have no neighbours.
    """

    name = "sequential"
    kind: Kind = "next"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"degree": 4}
    search_space: Mapping[str, Choice] = {"degree": Choice(kind="int", low=1, high=MOST_AHEAD, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"degree": (1, 2, 4, 8, 16, 32)}

    def fit(
        self,
        sequences: Sequence[Sequence[str]],
        *,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Keep the degree. Raises UsageError where it is out of range."""
        del sequences, seed, tell
        degree = int(parameters["degree"])
        if not 1 <= degree <= MOST_AHEAD:
            raise UsageError(f"degree {degree}", where=self.name, mend=f"Give a number from 1 to {MOST_AHEAD}.")
        return Parts(arrays={"degree": np.array([degree], dtype=np.int64)})

    def load(self, parts: Parts) -> "ReadAhead":
        """A model from its array. Raises BundleError."""
        degree = parts.arrays.get("degree")
        if degree is None or degree.shape != (1,) or not 1 <= degree[0] <= MOST_AHEAD:
            raise BundleError("the bundle has no degree", where=self.name, mend="Train the version again.")
        return ReadAhead(int(degree[0]))


@final
class ReadAhead:
    """So many addresses ahead."""

    def __init__(self, degree: int) -> None:
        self._degree = degree

    def foretell(self, recent: Sequence[str], *, top_k: int) -> Foretold:
        """What follows after these, oldest first."""
        follower = self.follow(top_k=top_k)
        foretold = NOTHING
        for item in recent:
            foretold = follower.step(item)
        return foretold

    def follow(self, *, top_k: int, has: Collection[str] | None = None) -> "ReadAheadFollower":
        """Follow an entity from here on."""
        return ReadAheadFollower(min(self._degree, top_k), has)


@final
class ReadAheadFollower:
    """A `Follower` that reads ahead where it comes to what was not there, or to what it read ahead itself.

    Args:
        degree: how many.
        has: what the store holds, or None: then what counts is the last 64 addresses.
    """

    __slots__ = ("_ahead", "_degree", "_has", "_recent")

    def __init__(self, degree: int, has: Collection[str] | None) -> None:
        self._degree, self._has = degree, has
        self._ahead: dict[str, None] = {}  # read ahead and not come to yet
        self._recent: dict[int, None] = {}

    def step(self, item: str) -> Foretold:
        """The entity came to this item."""
        was_ahead = self._ahead.pop(item, self) is None
        has = self._has
        if has is not None and item in has and not was_ahead:
            return NOTHING
        address = address_of(item)
        if address is None:
            return NOTHING
        if has is None:
            follows_one = address - 1 in self._recent
            self._recent[address] = None
            if len(self._recent) > _MOST_RECENT:
                del self._recent[next(iter(self._recent))]
        else:
            follows_one = str(address - 1) in has
        if not follows_one:
            return NOTHING
        items = [str(address + ahead) for ahead in range(1, self._degree + 1)]
        if has is not None:
            items = [ahead for ahead in items if ahead not in has]
        if not items:
            return NOTHING
        if len(self._ahead) > _MOST_OUTSTANDING:
            self._ahead.clear()
        self._ahead.update(dict.fromkeys(items))
        scores = [1.0 / place for place in range(1, len(items) + 1)]
        return Foretold(items=tuple(items), scores=tuple(scores), source="stride", precision=None)


_MOST_OUTSTANDING: Final = 65_536
ESTIMATOR: Final = Sequential()
