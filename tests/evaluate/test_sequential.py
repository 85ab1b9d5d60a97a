import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.evaluate.group_comparison import GroupComparison
from telltale.evaluate.paired_comparison import PairedComparison
from telltale.evaluate.sequential import SequentialAnswer


def groups(
    n: int, *, effect: float = 0.0, share: float = 0.5, seed: int = 0, base: float = 10.0, deviation: float = 1.0
) -> GroupComparison:
    rng = np.random.default_rng(seed)
    to_a = rng.random(n) < share
    return GroupComparison(share=share).update(base + rng.normal(0, deviation, n) + effect * to_a, to_a)


def group_stops(n_experiments: int, *, share: float, effect: float = 0.0) -> float:
    """How often skewed outcomes, looked at after every 50 of 2,000, name one."""
    stops = 0
    for seed in range(n_experiments):
        rng = np.random.default_rng([seed, 7])
        to_a = rng.random(2_000) < share
        outcomes = np.exp(rng.normal(3, 1.0, 2_000)) * (1 + effect * to_a)
        state = GroupComparison(share=share)
        for start in range(0, 2_000, 50):
            state = state.update(outcomes[start : start + 50], to_a[start : start + 50])
            if state.answer().conclusion in {"A", "B"}:
                stops += 1
                break
    return stops / n_experiments


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_groups_that_do_not_differ_are_seldom_told_apart_however_often_one_looks(share: float) -> None:
    # 5 % at most, and three standard errors of 200 experiments.
    assert group_stops(200, share=share) <= 0.10


@pytest.mark.slow
def test_rows_that_cost_the_same_are_seldom_told_apart_however_often_one_looks() -> None:
    stops = 0
    for seed in range(100):
        rng = np.random.default_rng([seed, 8])
        # A catches 0.2 % more, and pays for each of twenty with a false alarm.
        kinds = rng.choice(3, size=2_000, p=[0.002, 0.04, 0.958])
        labels, only_a = kinds == 0, kinds < 2
        state = PairedComparison(cost_miss=20.0)
        for start in range(0, 2_000, 50):
            part = slice(start, start + 50)
            state = state.update(labels[part], only_a[part], np.zeros(50, dtype=bool))
            if state.answer().conclusion in {"A", "B"}:
                stops += 1
                break
    assert stops / 100 <= 0.11


@pytest.mark.parametrize(("effect", "conclusion"), [(0.5, "A"), (-0.5, "B")])
def test_the_better_group_is_named_with_its_lead(effect: float, conclusion: str) -> None:
    found = groups(2_000, effect=effect).answer()

    assert found.conclusion == conclusion
    assert found.low is not None
    assert found.high is not None
    assert found.low < effect < found.high
    assert found.difference == pytest.approx(effect, abs=0.15)
    assert found.n_more is None
    assert f"{conclusion} is better" in found.reason


def test_unequal_groups_are_compared_too() -> None:
    found = groups(6_000, effect=0.5, share=0.1, seed=2).answer()

    assert found.conclusion == "A"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    # A coin that seldom falls on A varies less than a fair one, and the interval makes use of it.
    assert found.high - found.low < 0.43


def test_groups_that_hardly_differ_are_said_to_once_it_is_sure() -> None:
    few, many = groups(300), groups(20_000)

    assert few.answer(margin=0.2).conclusion == "keep_going"
    found = many.answer(margin=0.2)
    assert found.conclusion == "no_difference"
    assert "no difference larger than 0.2" in found.reason
    assert many.answer().conclusion == "keep_going"


def test_how_many_more_is_about_as_many_as_it_then_takes() -> None:
    ratios = []
    for seed in range(20):
        early = groups(600, effect=0.15, seed=seed).answer()
        if early.n_more is None:
            continue
        n = 600
        while groups(n, effect=0.15, seed=seed).answer().conclusion == "keep_going" and n < 40_000:
            n += 200
        ratios.append(early.n_more / max(n - 600, 200))

    assert len(ratios) >= 10
    assert 0.3 < float(np.median(ratios)) < 3.0


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 8), max_size=4), scale=st.sampled_from([1e-6, 1.0, 1e9]))
def test_an_answer_depends_neither_on_batches_of_fifty_nor_on_the_unit(cuts: list[int], scale: float) -> None:
    rng = np.random.default_rng(3)
    to_a = rng.random(400) < 0.5
    outcomes = rng.normal(size=400) + 0.8 * to_a
    whole = GroupComparison().update(outcomes, to_a)
    pieces = GroupComparison()
    places = [0, *sorted(50 * cut for cut in cuts), 400]

    for start, end in pairwise(places):
        pieces = pieces.update(outcomes[start:end] * scale, to_a[start:end])

    one, other = whole.answer(), pieces.answer()
    assert one.conclusion == other.conclusion
    assert one.low is not None
    assert other.low is not None
    assert other.low == pytest.approx(one.low * scale, rel=1e-6)


def test_a_state_comes_back_from_json_and_goes_on_as_if_it_had_not_left() -> None:
    rng = np.random.default_rng(4)
    to_a = rng.random(300) < 0.5
    outcomes = rng.normal(size=300)
    half = GroupComparison().update(outcomes[:150], to_a[:150])

    back = msgspec.json.decode(msgspec.json.encode(half), type=GroupComparison)

    assert back == half
    went_on = back.update(outcomes[150:], to_a[150:])
    assert went_on == half.update(outcomes[150:], to_a[150:])
    paired = PairedComparison(n=90, a_caught=4)
    assert msgspec.json.decode(msgspec.json.encode(paired), type=PairedComparison) == paired
    answer = went_on.answer()
    assert msgspec.json.decode(msgspec.json.encode(answer), type=SequentialAnswer) == answer


def test_fewer_than_fifty_are_refused_with_the_reason() -> None:
    groups_answer = groups(49, effect=100.0).answer()
    pairs_answer = PairedComparison(n=49, a_caught=49).answer()

    assert groups_answer.conclusion == pairs_answer.conclusion == "refused"
    assert "49 entities" in groups_answer.reason
    assert "from 50 on" in pairs_answer.reason
    assert groups_answer.low is None


def test_outcomes_that_are_all_the_same_tell_nothing() -> None:
    to_a = np.arange(500) % 2 == 0

    found = GroupComparison().update(np.zeros(500), to_a).answer()

    assert found.conclusion == "keep_going"
    assert "all outcomes are the same" in found.reason


def test_only_rows_on_which_the_two_differ_decide() -> None:
    agreed = PairedComparison(n=100_000)
    one_sided = PairedComparison(n=100_000, a_spared=30, b_spared=4)

    assert agreed.answer().conclusion == "keep_going"
    assert agreed.answer(margin=0.001).conclusion == "no_difference"
    assert one_sided.answer().conclusion == "A"
    assert PairedComparison(n=100_000, a_spared=4, b_spared=30).answer().conclusion == "B"


def test_which_version_caught_or_spared_a_row_is_counted() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
    a = np.array([1, 1, 0, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    b = np.array([0, 0, 1, 1, 1, 1, 0, 0, 1, 0], dtype=bool)

    found = PairedComparison().update(labels, a, b)

    assert (found.n, found.a_caught, found.b_caught, found.a_spared, found.b_spared) == (10, 2, 1, 3, 2)


def test_costs_decide_and_not_the_number_of_faults() -> None:
    # A misses 20 fewer and raises 60 more false alarms.
    counts = {"n": 20_000, "a_caught": 22, "b_caught": 2, "a_spared": 20, "b_spared": 80}

    assert PairedComparison(**counts).answer().conclusion == "B"
    assert PairedComparison(cost_miss=50.0, **counts).answer().difference == pytest.approx((20 * 50 - 60) / 20_000)
    assert PairedComparison(cost_miss=500.0, **counts).answer().conclusion == "A"


@given(st.lists(st.integers(0, 60), min_size=4, max_size=4), st.floats(0.1, 30.0))
@settings(max_examples=40, deadline=None)
def test_the_interval_holds_the_difference_and_turns_round_with_the_names(counts: list[int], cost: float) -> None:
    a_caught, b_caught, a_spared, b_spared = counts
    one = PairedComparison(
        cost_miss=cost, n=1_000, a_caught=a_caught, b_caught=b_caught, a_spared=a_spared, b_spared=b_spared
    ).answer()
    other = PairedComparison(
        cost_miss=cost, n=1_000, a_caught=b_caught, b_caught=a_caught, a_spared=b_spared, b_spared=a_spared
    ).answer()

    assert one.low is not None
    assert one.high is not None
    assert one.difference is not None
    assert one.low <= one.difference <= one.high
    assert other.high == pytest.approx(-one.low, abs=1e-9)


@pytest.mark.parametrize(("level", "margin"), [(0.0, None), (1.5, None), (0.05, 0.0), (0.05, math.inf)])
def test_a_plan_that_means_nothing_is_refused(level: float, margin: float | None) -> None:
    with pytest.raises(UsageError, match="Give a"):
        groups(100).answer(level=level, margin=margin)


def test_an_outcome_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="Leave entities without outcome out"):
        GroupComparison().update(np.array([1.0, np.nan]), np.array([True, False]))
    with pytest.raises(UsageError, match="one of each per entity"):
        GroupComparison().update(np.array([1.0]), np.array([True, False]))
    with pytest.raises(UsageError, match="one of each per row"):
        PairedComparison().update(np.ones(2, dtype=bool), np.ones(2, dtype=bool), np.ones(3, dtype=bool))
