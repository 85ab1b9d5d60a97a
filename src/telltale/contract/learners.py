"""What models promise that foretell what comes next, find what is alike, or act and learn from what came of it."""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import AnyEstimator, Floats, Parameters, Parts, Tell, silent
from telltale.contract.kinds import Acting

Fingerprints = NDArray[np.int64]  # shape (n,), whole numbers from 0 to 2**53 - 1


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Things to be compared.

    Args:
        names: one per thing, each once.
        fingerprints: those of all things, one thing's after the other's.
        starts: where each thing's begin, and where the last one's end; shape (n things + 1,).
        figures: shape (n things, m), NaN where missing.
    """

    names: Sequence[str]
    fingerprints: Fingerprints
    starts: NDArray[np.int64]
    figures: Floats


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Names and similarities from 0 to 1, the most similar first, and what was compared."""

    names: tuple[str, ...]
    similarities: tuple[float, ...]
    source: Literal["fingerprints", "figures", "none"]


class SimilarIndex(Protocol):
    """Things that can be asked for what is like something. Never changes: adding and removing make another."""

    @property
    def n_items(self) -> int:
        """How many there are."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        ...

    def has_fingerprints(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these names are there with fingerprints, shape (n,)."""
        ...

    def first_name(self) -> str | None:
        """Any one of those that are there, always the same; None where there is none."""
        ...

    def find(self, fingerprints: Fingerprints, figures: Floats, *, top_k: int, without: str = "") -> Found:
        """The most similar ones; fingerprints in any order, figures of shape (m,), NaN where not known."""
        ...

    def find_like(self, name: str, *, top_k: int) -> Found | None:
        """The most similar ones to one that is there, without itself; None where it is not there."""
        ...

    def exhaustive(self, fingerprints: Fingerprints, *, top_k: int, without: str = "") -> Found:
        """What `find` would say of fingerprints if it compared them with everything: slow, and what it is judged by."""
        ...

    def changed(self, added: Described, removed: Sequence[str]) -> Self:
        """Without some and with some more; one of a name that is there takes its place."""
        ...

    def changes(self) -> Parts:
        """Everything that was added and removed since `load`, for `SimilarEstimator.load`."""
        ...


class SimilarEstimator(AnyEstimator, Protocol):
    """A way to find what is alike."""

    def fit(self, things: Described, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """An index. Same seed, same parts."""
        ...

    def load(self, parts: Parts, *, changes: Parts | None = None) -> SimilarIndex:
        """An index from stored parts, with changes. Raises BundleError."""
        ...


class Foretold(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next, most likely first, with scores; nothing where the gate is closed."""

    items: tuple[str, ...]
    scores: tuple[float, ...]
    source: Literal["stride", "association", "network", "none"]
    precision: float | None


class Follower(Protocol):
    """One entity's way through the items, followed as it goes: what a store that embeds the model asks. Not shared."""

    def step(self, item: str) -> Foretold:
        """The entity came to this item: what is worth fetching now."""
        ...


class Successor(Protocol):
    """A fitted model of what comes next."""

    def foretell(self, recent: Sequence[str], *, top_k: int) -> Foretold:
        """What follows after these, oldest first: that of a new follower that was led through them."""
        ...

    def follow(self, *, top_k: int, has: Collection[str] | None = None) -> Follower:
        """Follow an entity from here on.

        Args:
            top_k: of each step, at most.
            has: what the store holds, as it is at any time: never foretold, and looked at to see whether what was fetched
                was still there when the entity came to it. None where nobody says: then all is taken as not there.
        """
        ...


class NextEstimator(AnyEstimator, Protocol):
    """A model of what comes next."""

    def fit(
        self, sequences: Sequence[Sequence[str]], *, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Fit on the items of several entities, oldest first. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Successor:
        """From stored parts alone. Raises BundleError."""
        ...


class Acts(msgspec.Struct, frozen=True, kw_only=True):
    """What was done and what came of it, in the order of arrival: n rows.

    Args:
        actions: what was done, by name; numeric actions as `telltale.models.acting.action_names` writes them.
        available: what could have been done in each row.
        contexts: shape (n, k), NaN where not known.
        rewards: shape (n,), HIGHER is better whatever the task's reward says.
        propensities: shape (n,), NaN where not known.
        times_s: shape (n,), epoch seconds.
        entities: whose each row is: rows of one entity follow each other.
    """

    actions: tuple[str, ...]
    available: tuple[tuple[str, ...], ...]
    contexts: Floats
    rewards: Floats
    propensities: Floats
    times_s: Floats
    entities: tuple[str, ...]


class Policy(Protocol):
    """What to do with which probability. Never changes: learning makes another."""

    def probabilities(self, available: Sequence[str], context: Floats) -> Floats:
        """Of each available action, shape (n,), summing to 1, the same whenever asked; `context` has shape (k,)."""
        ...

    def expected(self, available: Sequence[str], context: Floats) -> Floats:
        """The reward that is expected of each, shape (n,)."""
        ...

    def learned(self, acts: Acts) -> Self:
        """One that has learned from these too."""
        ...

    def state(self) -> Parts:
        """All of it, for `PolicyEstimator.load`."""
        ...


class PolicyEstimator(AnyEstimator, Protocol):
    """A policy that learns from rewards."""

    def fit(self, acts: Acts, *, acting: Acting, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Fit on a log. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Policy:
        """From stored parts alone. Raises BundleError."""
        ...
