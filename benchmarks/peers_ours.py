"""The product's policy as a chooser: a version trained on a log of another network, learning as the one writer does."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers_world import TIME_OUT_MS, World
from telltale.apps.pakit.peers import PEERS_TASK
from telltale.contract.estimator import Parameter, Parts
from telltale.contract.learners import Acts, Policy, PolicyEstimator
from telltale.models.estimators import estimator_named

Floats = NDArray[np.float64]


class Ours:
    """A policy, asked and taught through its contract; the draw of an action is from the probabilities it says.

    With `sees_context` false it is asked and taught without any.
    """

    def __init__(self, policy: Policy, names: tuple[str, ...], seed: int, *, sees_context: bool = True) -> None:
        self.policy = policy
        self._names = names
        self._known = 1.0 if sees_context else np.nan
        self._rng = np.random.default_rng(seed)

    def choose(self, present: NDArray[np.int64], context: Floats, now_s: float) -> int:
        """A draw."""
        del now_s
        chances = self.policy.probabilities([self._names[peer] for peer in present], self._known * context)
        return int(present[min(int(np.searchsorted(np.cumsum(chances), self._rng.random())), len(present) - 1)])

    def learn(self, chosen: Sequence[int], taken_ms: Sequence[float], contexts: Floats, times_s: Floats) -> None:
        """Another policy, that has learned from these."""
        names = tuple(self._names[peer] for peer in chosen)
        n = len(names)
        self.policy = self.policy.learned(
            Acts(
                actions=names,
                available=(names,) * n,
                contexts=self._known * contexts,
                rewards=-np.asarray(taken_ms),
                propensities=np.full(n, np.nan),
                times_s=times_s,
                entities=names,
            )
        )


def trained(world: World, *, seed: int, estimator: str = "", parameters: dict[str, Parameter] | None = None) -> Parts:
    """A version's parts, from a log of a world in which peers were drawn evenly.

    Its peers are called otherwise than those of any world, so that what is learned is how peers are, not who.
    """
    model: PolicyEstimator = estimator_named(estimator or PEERS_TASK.estimators[0])
    assert PEERS_TASK.acting is not None, "peers acts"
    rng = np.random.default_rng(seed)
    chosen = np.array([rng.choice(np.flatnonzero(row)) for row in world.present])
    n = len(chosen)
    names = tuple(f"elsewhere-{peer}" for peer in chosen)
    acts = Acts(
        actions=names,
        available=(tuple(sorted(set(names))),) * n,
        contexts=world.contexts,
        rewards=-world.taken_ms[np.arange(n), chosen],
        propensities=1.0 / world.present.sum(axis=1),
        times_s=world.times_s,
        entities=names,
    )
    return model.fit(acts, acting=PEERS_TASK.acting, parameters={**model.defaults, **(parameters or {})}, seed=seed)


assert PEERS_TASK.acting is not None
assert PEERS_TASK.acting.reward.failure == TIME_OUT_MS
