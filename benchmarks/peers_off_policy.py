"""How well a log says what another policy would be worth: estimates beside a truth that is known, since it is made up."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers_ours import Ours
from benchmarks.peers_world import World
from benchmarks.results import Table
from telltale.contract.learners import Policy
from telltale.evaluate.off_policy import Logged, off_policy_metrics

_ESTIMATES: Final = ("value_ips", "value_snips", "value_dr")
_N_ROWS: Final = 500  # of one log

# For each log: estimate, lower and upper end of its interval, and the truth, by the estimate's name.
Estimates = dict[str, list[tuple[float, float, float, float]]]


def off_policy_estimates(world: World, policy: Policy, *, seed: int) -> Estimates:
    """Estimates of a policy's worth from short logs of a stationary world in which peers were drawn evenly.

    The policy has learned from the first sixth of the requests; the logs are of the others, 500 requests each.
    """
    rng = np.random.default_rng(seed)
    n, k = world.present.shape
    drawn: NDArray[np.int64] = rng.integers(0, k, size=len(world.times_s))
    rows = np.arange(n)
    rewards = -world.taken_ms[rows, drawn]
    n_first = n // 6
    taught = Ours(policy, world.names, seed)
    taught.learn(
        drawn[:n_first].tolist(), (-rewards[:n_first]).tolist(), world.contexts[:n_first], world.times_s[:n_first]
    )
    chances = np.array([taught.policy.probabilities(world.names, context) for context in world.contexts[n_first:]])
    truth = -float((chances * world.expected_ms[n_first:]).sum(axis=1).mean())
    found: Estimates = {name: [] for name in _ESTIMATES}
    for start in range(n_first, n - _N_ROWS + 1, _N_ROWS):
        part = slice(start, start + _N_ROWS)
        metrics = off_policy_metrics(
            Logged(
                actions=drawn[part],
                contexts=world.contexts[part],
                rewards=rewards[part],
                propensities=np.full(_N_ROWS, 1.0 / k),
                chances=chances[start - n_first : start - n_first + _N_ROWS],
            )
        )
        for name in _ESTIMATES:
            measured = metrics[name]
            found[name].append((measured.value, measured.low, measured.high, truth))
    return found


def off_policy_table(found: Sequence[Estimates]) -> Table:
    """Over all logs of all worlds: mean error, its spread, and how often the interval of 95 % holds the truth."""
    lines = []
    for name in _ESTIMATES:
        value, low, high, truth = np.array([one for some in found for one in some[name]]).T
        error = value - truth
        held = (low <= truth) & (truth <= high)
        lines.append(
            (name, len(value), float(error.mean()), float(error.std()), float((high - low).mean()), float(held.mean()))
        )
    return Table(
        title=f"Worth of a policy from a log of {_N_ROWS} even requests, ms",
        columns=("estimate", "logs", "mean error", "spread of errors", "width of interval", "held the truth"),
        rows=tuple(lines),
    )
