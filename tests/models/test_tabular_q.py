"""Tabular Q-learning: what the table says, how it is drawn from, and how it learns on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_parts

from telltale.contract.errors import BundleError, UsageError
from telltale.contract.estimator import Parameter, Parameters
from telltale.contract.kinds import Acting, Reward
from telltale.contract.learners import Acts
from telltale.models.acting import action_names
from telltale.models.q_learning.policy import QPolicy
from telltale.models.q_learning.table import empty_cells
from telltale.models.tabular_q import ESTIMATOR

ACTING = Acting(
    action=("speed", "size"),
    options={"speed": (1.0, 2.0, 4.0), "size": (1.0, 10.0)},
    context=("load", "heat"),
    reward=Reward(column="reward"),
)
NAMES = action_names(ACTING)
NOTHING = np.array([np.nan, np.nan])


def log(n: int, *, seed: int = 0, best: str = NAMES[1], hot: str = NAMES[4], noise: float = 0.1) -> Acts:
    """Even draws; one action pays where heat is below .5, another above; load makes everything dearer alike."""
    rng = np.random.default_rng(seed)
    actions = rng.integers(0, len(NAMES), n)
    contexts = rng.random((n, 2))
    good = np.where(contexts[:, 1] < 0.5, NAMES.index(best), NAMES.index(hot))
    rewards = (actions == good) * 1.0 - contexts[:, 0] + noise * rng.normal(size=n)
    return Acts(
        actions=tuple(NAMES[place] for place in actions),
        available=(NAMES,) * n,
        contexts=contexts,
        rewards=rewards,
        propensities=np.full(n, 1.0 / len(NAMES)),
        times_s=np.arange(n, dtype=np.float64),
        entities=("one",) * n,
    )


def part_of(acts: Acts, low: int, high: int) -> Acts:
    rows = slice(low, high)
    return Acts(
        actions=acts.actions[rows],
        available=acts.available[rows],
        contexts=acts.contexts[rows],
        rewards=acts.rewards[rows],
        propensities=acts.propensities[rows],
        times_s=acts.times_s[rows],
        entities=acts.entities[rows],
    )


def policy_of(acts: Acts, **parameters: Parameter) -> QPolicy:
    chosen: Parameters = {**ESTIMATOR.defaults, **parameters}
    return ESTIMATOR.load(ESTIMATOR.fit(acts, acting=ACTING, parameters=chosen, seed=0))


def best_of(policy: QPolicy, *context: float) -> str:
    return NAMES[int(np.argmax(policy.expected(NAMES, np.array(context))))]


def test_each_state_has_its_own_best_action() -> None:
    policy = policy_of(log(2_000))

    assert {best_of(policy, load, 0.2) for load in (0.1, 0.5, 0.9)} == {NAMES[1]}
    assert {best_of(policy, load, 0.8) for load in (0.1, 0.5, 0.9)} == {NAMES[4]}


def test_what_is_expected_is_the_mean_reward_where_rows_are_many() -> None:
    policy = policy_of(log(40_000, noise=0.0), half_life=1e9)
    good, bad = policy.expected((NAMES[1], NAMES[0]), np.array([0.55, 0.2]))

    assert good == pytest.approx(1.0 - 0.55, abs=0.06)
    assert bad == pytest.approx(-0.55, abs=0.12)  # its neighbour pays


def test_a_column_that_is_not_known_is_averaged_over() -> None:
    policy = policy_of(log(4_000))

    assert best_of(policy, np.nan, 0.2) == NAMES[1]
    assert best_of(policy, np.nan, 0.8) == NAMES[4]
    either = policy.expected((NAMES[1], NAMES[4], NAMES[2]), NOTHING)
    assert either[:2].min() > either[2] + 0.2
    assert either.tolist() == policy.expected((NAMES[1], NAMES[4], NAMES[2]), np.array([np.nan, np.inf])).tolist()


def test_a_state_that_no_row_has_been_at_is_worth_what_its_surroundings_are() -> None:
    acts = log(3_000)
    cold = acts.contexts[:, 1] < 0.3
    policy = policy_of(with_parts(acts, contexts=np.where(cold[:, None], acts.contexts, acts.contexts * [1.0, 0.3])))

    assert best_of(policy, 0.5, 0.1) == NAMES[1]
    assert best_of(policy, 99.0, -99.0) == NAMES[1]


@given(
    available=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    load=st.floats(-1.0, 2.0) | st.just(np.nan),
    heat=st.floats(-1.0, 2.0) | st.just(np.nan),
)
@settings(max_examples=60, deadline=None)
def test_every_available_action_may_be_drawn_and_the_best_is_drawn_most(
    available: list[str], load: float, heat: float
) -> None:
    policy, context = policy_of(log(400), floor=0.06, explore=0.1), np.array([load, heat])
    chances = policy.probabilities(available, context)

    assert chances.sum() == pytest.approx(1.0)
    assert chances.min() >= 0.06 / len(available) - 1e-12
    assert int(np.argmax(chances)) == int(np.argmax(policy.expected(available, context)))
    assert chances.max() >= 0.84


def test_actions_that_are_plainly_worse_are_tried_no_more_than_the_floor_says() -> None:
    few, many = policy_of(log(60)), policy_of(log(20_000))
    context = np.array([0.5, 0.2])

    def n_tried(policy: QPolicy) -> int:
        return int((policy.probabilities(NAMES, context) > 0.01 / len(NAMES) + 1e-12).sum())

    assert n_tried(many) == 1
    assert n_tried(few) > 1


@given(cuts=st.lists(st.integers(0, 300), max_size=4))
@settings(max_examples=20, deadline=None)
def test_learning_in_parts_is_learning_at_once(cuts: list[int]) -> None:
    acts, start = log(300, seed=5), policy_of(log(100))
    whole, parted = start.learned(acts), start
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), 300], strict=True):
        parted = parted.learned(part_of(acts, low, high))

    for name, array in whole.state().arrays.items():
        assert np.allclose(array, parted.state().arrays[name]), name


def test_it_follows_a_world_that_changes_and_back_sooner_with_a_shorter_memory() -> None:
    after = log(3_000, seed=9, best=NAMES[3], hot=NAMES[3])
    old = policy_of(log(4_000))
    changed = old.learned(after)

    assert best_of(changed, 0.5, 0.2) == best_of(changed, 0.5, 0.8) == NAMES[3]
    assert best_of(old, 0.5, 0.2) == NAMES[1]  # the one that learned is another
    back = log(900, seed=10)
    assert best_of(policy_of(log(4_000), half_life=300.0).learned(after).learned(back), 0.5, 0.2) == NAMES[1]
    assert best_of(policy_of(log(4_000), half_life=1e9).learned(after).learned(back), 0.5, 0.2) == NAMES[3]


def test_rows_of_its_own_choosing_leave_a_policy_that_is_right_as_it_is() -> None:
    policy, rng = policy_of(log(20_000)), np.random.default_rng(3)
    said = [policy.expected(NAMES, np.array([load, heat])) for load in (0.1, 0.9) for heat in (0.2, 0.8)]
    for _ in range(5):
        drawn = log(400, seed=int(rng.integers(10**6)))
        chances = [policy.probabilities(NAMES, context) for context in drawn.contexts]
        places = np.array([rng.choice(len(NAMES), p=chance) for chance in chances])
        good = np.where(drawn.contexts[:, 1] < 0.5, 1, 4)
        rewards = (places == good) * 1.0 - drawn.contexts[:, 0] + 0.1 * rng.normal(size=400)
        policy = policy.learned(with_parts(drawn, actions=tuple(NAMES[place] for place in places), rewards=rewards))

    now = [policy.expected(NAMES, np.array([load, heat])) for load in (0.1, 0.9) for heat in (0.2, 0.8)]
    # What it prefers is worth what it was. Were its rows put in beside those of the fit, heavy load would have
    # flattered whatever is drawn where load is light.
    assert [int(np.argmax(worth)) for worth in now] == [1, 4, 1, 4]
    assert max(float(np.abs(new.max() - old.max())) for new, old in zip(now, said, strict=True)) < 0.1


def test_the_state_is_whole() -> None:
    policy = policy_of(log(500)).learned(log(50, seed=2))
    again = ESTIMATOR.load(policy.state())

    for context in ([0.1, 0.9], [np.nan, 0.3], [np.nan, np.nan]):
        assert (
            again.probabilities(NAMES, np.array(context)).tolist()
            == policy.probabilities(NAMES, np.array(context)).tolist()
        )


def test_a_task_without_options_is_refused() -> None:
    acting = Acting(action=("peer",), available="peers", reward=Reward(column="reward"))

    with pytest.raises(UsageError, match="options"):
        ESTIMATOR.fit(log(10), acting=acting, parameters=ESTIMATOR.defaults, seed=0)


@pytest.mark.parametrize(
    "wrong",
    [{"floor": 0.0}, {"explore": 1.0}, {"levels": 1}, {"half_life": 0.0}, {"prior_weight": 0.0}, {"caution": 0.0}],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, Parameter]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        policy_of(log(10), **wrong)


@pytest.mark.parametrize(
    "name", ["axes", "edges", "edge_starts", "settings", "fitted_cells", "fitted_sums", "learned_cells", "learned_sums"]
)
def test_parts_that_are_missing_or_do_not_fit_are_refused(name: str) -> None:
    parts = policy_of(log(50)).learned(log(9)).state()
    without = {key: array for key, array in parts.arrays.items() if key != name}

    with pytest.raises(BundleError, match=name):
        ESTIMATOR.load(with_parts(parts, arrays=without))
    with pytest.raises(BundleError):
        ESTIMATOR.load(with_parts(parts, names={}))
    if name not in {"edges", "edge_starts"}:
        with pytest.raises(BundleError, match="fit"):
            ESTIMATOR.load(with_parts(parts, arrays={**parts.arrays, name: parts.arrays[name][1:]}))


def test_a_table_without_rows_expects_nothing_and_draws_every_action() -> None:
    empty = QPolicy(replace(policy_of(log(20)).table, fitted=empty_cells(2)))

    assert empty.expected(NAMES, NOTHING).tolist() == [0.0] * len(NAMES)
    assert (empty.probabilities(NAMES, NOTHING) > 0).all()
