"""The spreading of rumours as a Gymnasium environment, for whoever trains a policy of their own. Needs `telltale-loop[gossip]`."""

from typing import Any, Final, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from telltale.apps.pakit.gossip.levels import LEVEL_VALUES, N_LEVELS
from telltale.apps.pakit.gossip.network import Networks, spread
from telltale.apps.pakit.gossip.reward import ACTIONS, reward_of
from telltale.contract.errors import UsageError

Observation = NDArray[np.int64]

_STAYS: Final = 0.8  # the chance that a condition keeps its level from one rumour to the next


@final
class GossipEnv(gymnasium.Env[Observation, np.int64]):
    """One rumour a step, in a network whose conditions wander by a level now and then, whatever is done.

    An observation is the state before the rumour: the levels of size, loss, latency and churn (`gossip_levels`), of which each
    stands for one value. An action is the number of a fan-out and a TTL (`gossip_reward.ACTIONS`), so that nothing outside
    the bounds can be chosen. The reward is that of the rumour, and `info` tells coverage, messages a node and rounds.
    An episode is truncated after `n_rumours`; it does not end by itself.

    Args:
        n_rumours: of an episode, at least 1.
        largest: the highest level of size, from 0; fewer nodes are simulated faster.

    Raises:
        UsageError: an argument is out of range.

    >>> env = GossipEnv()
    >>> state, _ = env.reset(seed=1)
    >>> _, reward, terminated, truncated, info = env.step(env.action_of(fanout=6, ttl=10))
    >>> round(info["coverage"], 3), terminated, truncated
    (1.0, False, False)
    """

    def __init__(self, *, n_rumours: int = 32, largest: int = N_LEVELS[0] - 1) -> None:
        if n_rumours < 1 or not 0 <= largest < N_LEVELS[0]:
            raise UsageError(
                f"n_rumours {n_rumours}, largest {largest}",
                where="GossipEnv",
                mend=f"Give at least one rumour, and a level of size from 0 to {N_LEVELS[0] - 1}.",
            )
        self._n_levels = np.array((largest + 1, *N_LEVELS[1:]), dtype=np.int64)
        self._n_rumours = n_rumours
        self._done = 0
        self._state: Observation = np.zeros(len(self._n_levels), dtype=np.int64)
        self.observation_space = gymnasium.spaces.MultiDiscrete(self._n_levels)
        self.action_space = gymnasium.spaces.Discrete(len(ACTIONS))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new network, of conditions drawn evenly; `options` is not used."""
        super().reset(seed=seed, options=options)
        self._done = 0
        self._state = self.np_random.integers(0, self._n_levels)
        return self._state.copy(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Spread one rumour."""
        fanout, ttl = ACTIONS[int(action)].astype(np.int64)
        networks = self._networks()
        found = spread(networks, fanout=np.array([fanout]), ttl=np.array([ttl]), rng=self.np_random)
        reward = float(reward_of(networks, found)[0])
        info = {
            "coverage": float(found.coverage[0]),
            "messages_a_node": float(found.messages[0] / networks.n_nodes[0]),
            "rounds": int(found.rounds[0]),
        }
        steps = self.np_random.integers(-1, 2, len(self._state)) * (self.np_random.random(len(self._state)) >= _STAYS)
        self._state = np.clip(self._state + steps, 0, self._n_levels - 1)
        self._done += 1
        return self._state.copy(), reward, False, self._done >= self._n_rumours, info

    @staticmethod
    def action_of(*, fanout: float, ttl: float) -> np.int64:
        """The number of an action. Raises UsageError where it is not allowed."""
        found = np.flatnonzero((np.array([fanout, ttl]) == ACTIONS).all(axis=1))
        if not len(found):
            raise UsageError.not_one_of(f"{fanout:g},{ttl:g}", [f"{a:g},{b:g}" for a, b in ACTIONS], where="GossipEnv")
        return np.int64(found[0])

    def _networks(self) -> Networks:
        n_nodes, loss, latency_ms, churn = (
            np.array([values[level]]) for values, level in zip(LEVEL_VALUES.values(), self._state.tolist(), strict=True)
        )
        return Networks(n_nodes=n_nodes.astype(np.int64), loss=loss, latency_ms=latency_ms, churn=churn)
