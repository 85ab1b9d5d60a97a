"""Policies that learn: who drifts, who comes, who fails, what the context changes, and how quickly all that is learned."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.kinds import Acting, Reward
from telltale.contract.learners import Acts, Policy
from telltale.models.linear_thompson import ESTIMATOR as THOMPSON
from telltale.models.linucb import ESTIMATOR as LINUCB
from telltale.models.thompson.learning import MOST_ACTIONS

TIME_OUT = 2_000.0
COST = Acting(
    action=("peer",),
    context=("x",),
    reward=Reward(column="ms", is_cost=True, success="success", failure=TIME_OUT),
)
PEERS = tuple(f"p{number}" for number in range(6))
NOTHING = np.array([np.nan])

both = pytest.mark.parametrize("estimator", [THOMPSON, LINUCB], ids=lambda estimator: estimator.name)


def _acts(
    names: Sequence[str], costs: Sequence[float] | Floats, contexts: Sequence[float] | Floats | None = None
) -> Acts:
    n = len(names)
    return Acts(
        actions=tuple(names),
        available=(PEERS,) * n,
        contexts=np.full((n, 1), np.nan) if contexts is None else np.asarray(contexts, dtype=np.float64)[:, None],
        rewards=-np.asarray(costs, dtype=np.float64),
        propensities=np.full(n, 1.0 / len(PEERS)),
        times_s=np.arange(n, dtype=np.float64),
        entities=tuple(names),
    )


def _log(n: int, *, seed: int = 0, usual: Sequence[float] | Floats = (50, 60, 80, 100, 150, 200)) -> Acts:
    """Peers drawn evenly, log-normal costs around what is usual for each."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(PEERS), n)
    costs = np.array(usual)[drawn] * np.exp(0.4 * rng.normal(size=n))
    return _acts([PEERS[number] for number in drawn], costs, rng.normal(size=n))


def _fitted(estimator: object, acts: Acts, **parameters: float) -> Policy:
    model = THOMPSON if estimator is THOMPSON else LINUCB
    return model.load(model.fit(acts, acting=COST, parameters={**model.defaults, **parameters}, seed=0))


def _chances(policy: Policy, names: Sequence[str] = PEERS) -> dict[str, float]:
    return dict(zip(names, policy.probabilities(names, NOTHING).tolist(), strict=True))


@both
def test_the_quickest_is_asked_most_and_nobody_never(estimator: object) -> None:
    policy = _fitted(estimator, _log(3_000))
    chances = _chances(policy)

    assert max(chances, key=chances.__getitem__) == "p0"
    assert min(chances.values()) >= 0.005 / len(PEERS) - 1e-12
    assert sum(chances.values()) == pytest.approx(1.0)


@both
def test_one_that_is_slow_of_late_is_left(estimator: object) -> None:
    policy = _fitted(estimator, _log(3_000))
    later = policy.learned(_log(3_000, seed=1, usual=(600, 60, 80, 100, 150, 200)))

    assert _chances(policy)["p0"] > 0.5
    assert _chances(later)["p0"] < 0.01
    assert _chances(later)["p1"] > 0.5


@both
def test_what_is_expected_is_near_the_mean(estimator: object) -> None:
    policy = _fitted(estimator, _log(6_000))
    mean = 50 * np.exp(0.08)

    assert policy.expected(("p0",), np.array([0.0]))[0] == pytest.approx(-mean, rel=0.15)


def test_a_stranger_is_expected_to_be_as_peers_are_and_is_tried() -> None:
    policy = _fitted(THOMPSON, _log(3_000))
    known = policy.expected(PEERS, NOTHING)
    stranger = policy.expected(("stranger",), NOTHING)[0]

    assert known.min() < stranger < known.max()
    assert 0.02 < _chances(policy, (*PEERS[2:], "stranger"))["stranger"] < 0.9
    tried = policy.learned(_acts(["stranger"] * 30, [20.0] * 30))
    assert _chances(tried, (*PEERS, "stranger"))["stranger"] > 0.8


def test_failures_count_as_much_as_the_time_out_they_cost() -> None:
    rng = np.random.default_rng(0)
    names = [PEERS[number] for number in rng.integers(0, 2, 2_000)]
    usual = np.where(np.array(names) == "p0", 40.0, 80.0) * np.exp(0.2 * rng.normal(size=2_000))
    failed = (np.array(names) == "p0") & (rng.random(2_000) < 0.1)  # quicker, but 40 * .9 + 200 ms on average
    policy = _fitted(THOMPSON, _acts(names, np.where(failed, TIME_OUT, usual)))

    chances = _chances(policy, PEERS[:2])

    assert chances["p1"] > 0.95
    assert policy.expected(("p0",), NOTHING)[0] == pytest.approx(-236.0, rel=0.2)


@both
def test_the_context_decides_where_it_matters(estimator: object) -> None:
    rng = np.random.default_rng(0)
    n = 4_000
    number, x = rng.integers(0, 2, n), rng.normal(size=n)
    costs = 100.0 * np.exp(np.where(number == 0, 0.7, -0.7) * x + 0.2 * rng.normal(size=n))
    policy = _fitted(estimator, _acts([PEERS[one] for one in number], costs, x))

    assert policy.probabilities(PEERS[:2], np.array([-1.5]))[0] > 0.9
    assert policy.probabilities(PEERS[:2], np.array([1.5]))[1] > 0.9


def test_a_world_that_stands_still_is_remembered_for_longer_than_one_that_does_not() -> None:
    still = _fitted(THOMPSON, _log(4_000)).state().arrays["log_weights"]
    policy = _fitted(THOMPSON, _log(500))
    rng = np.random.default_rng(1)
    for seed in range(40):
        policy = policy.learned(_log(100, seed=seed, usual=50.0 * np.exp(rng.normal(0.0, 1.0, len(PEERS)))))
    drifting = policy.state().arrays["log_weights"]

    assert still.argmax() > drifting.argmax()
    assert drifting.argmax() == 0


def test_rewards_that_are_no_costs_may_be_negative() -> None:
    acting = Acting(action=("peer",), context=("x",), reward=Reward(column="worth"))
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(PEERS), 2_000)
    worth = drawn - 3.0 + rng.normal(size=2_000)
    acts = _acts([PEERS[number] for number in drawn], (-worth).tolist())
    policy = THOMPSON.load(THOMPSON.fit(acts, acting=acting, parameters=THOMPSON.defaults, seed=0))

    chances = _chances(policy)

    assert chances["p5"] > 0.9
    assert policy.expected(("p0",), NOTHING)[0] == pytest.approx(-3.0, abs=0.4)


def test_a_draw_is_as_wide_as_it_is_told_to_be() -> None:
    narrow, wide = (_fitted(THOMPSON, _log(200), spread=spread, floor=0.0) for spread in (0.2, 2.0))

    assert max(_chances(narrow).values()) > max(_chances(wide).values())


@both
def test_actions_that_are_gone_are_forgotten(estimator: object) -> None:
    policy = _fitted(estimator, _log(200))
    names = [f"passer-by-{number}" for number in range(MOST_ACTIONS + 200)]
    crowded = policy.learned(_acts(names, [100.0] * len(names)))

    kept = crowded.state().names["actions"]

    assert len(kept) <= MOST_ACTIONS + 64
    assert names[-1] in kept
    assert names[0] not in kept


@both
def test_a_state_that_lacks_something_is_refused(estimator: object) -> None:
    model = THOMPSON if estimator is THOMPSON else LINUCB
    parts = _fitted(estimator, _log(200)).state()

    with pytest.raises(BundleError, match="lack"):
        model.load(Parts(arrays={name: parts.arrays[name] for name in list(parts.arrays)[1:]}, names=parts.names))
    with pytest.raises(BundleError, match="shape"):
        model.load(Parts(arrays=parts.arrays, names={"actions": parts.names["actions"][1:]}))


@both
def test_one_absurd_figure_does_not_spoil_what_is_known(estimator: object) -> None:
    policy = _fitted(estimator, _log(3_000))
    absurd = policy.learned(_acts(["p1", "p2", "p3"], [1e300, 0.0, 1e12], [1e300, -1e300, 0.0]))

    assert _chances(absurd)["p0"] > 0.5
    assert np.isfinite(absurd.expected(PEERS, np.array([1e300]))).all()
    assert all(np.isfinite(array[~np.isnan(array)]).all() for array in absurd.state().arrays.values())


def test_one_absurd_reward_does_not_spoil_what_is_known_where_rewards_are_no_costs() -> None:
    acting = Acting(action=("peer",), context=("x",), reward=Reward(column="worth"))
    acts = _log(2_000)
    policy = THOMPSON.load(THOMPSON.fit(acts, acting=acting, parameters=THOMPSON.defaults, seed=0))
    absurd = policy.learned(_acts(["p3", "p4"], [-1e300, 1e300])).learned(_log(400, seed=9))

    assert max(_chances(absurd), key=_chances(absurd).__getitem__) == "p0"


@both
def test_ten_thousand_rewards_are_learned_in_seconds(estimator: object) -> None:
    policy = _fitted(estimator, _log(500))
    acts = _log(2_000, seed=3)

    started = time.process_time()
    policy.learned(acts)

    assert time.process_time() - started < 2.0  # a fifth of them: five times the goal, for a slow machine
