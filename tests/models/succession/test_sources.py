"""What each source foretells, and what the gate takes of it."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.learners import Foretold
from telltale.models.succession.addresses import address_of
from telltale.models.succession.fitted import DEFAULTS, GatedSuccessor, known_of, learn, parts_of, unknown
from telltale.models.succession.gate import Gate, break_even
from telltale.models.succession.generations import Generations
from telltale.models.succession.recent_items import RecentItems

BOTH = ("addresses", "association")


def fitted(*sequences: Sequence[str], sources: Sequence[str] = BOTH, **changed: float) -> GatedSuccessor:
    known = learn(sequences, unknown({**DEFAULTS, **changed}, sources=sources), store_items=64)
    return GatedSuccessor(known_of(parts_of(known), network=None, where="test"))


def addresses(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def runs(seed: int, n: int = 150, length: int = 12) -> list[str]:
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 10**9, n)
    return [str(start + step) for start in starts.tolist() for step in range(length)]


def named(foretold: Foretold) -> list[str]:
    return list(foretold.items)


def test_a_run_goes_on_and_the_nearest_is_the_likeliest() -> None:
    model = fitted(runs(0))

    found = model.foretell(addresses(500, 501, 502), top_k=4)

    assert named(found)[0] == "503"
    assert set(found.items) <= set(addresses(503, 504, 505, 506, 507, 508))
    assert found.source == "stride"
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_interleaved_runs_are_each_followed() -> None:
    model = fitted(runs(0))
    recent = addresses(10, 9_000, 700, 11, 9_001, 701, 12, 9_002)

    assert "9003" in model.foretell(recent, top_k=4).items
    assert "13" in model.foretell(recent[:-1], top_k=4).items


def test_a_run_that_ended_here_twice_is_not_read_on_here() -> None:
    ends_here = addresses(*range(5_000, 5_008))
    often = [item for number in range(40) for item in (*ends_here, *addresses(*range(number * 100, number * 100 + 6)))]
    model = fitted([*often, *runs(1, n=40)])

    found = model.follow(top_k=32).step  # a new follower
    for item in ends_here[:-1]:
        found(item)

    assert "5008" not in found(ends_here[-1]).items


def test_a_stride_is_followed_though_something_comes_between() -> None:
    strided = [str(start + 7 * step) for start in range(10**6, 10**7, 10**5) for step in range(20)]
    model = fitted(strided)

    recent = addresses(70, 63, 56, 49, 42, 35, 28, 21)

    assert "14" in model.foretell(recent, top_k=4).items
    assert "14" in model.foretell([*recent[:4], "no-address", *recent[4:]], top_k=4).items
    near_zero = model.foretell(addresses(49, 42, 35, 28, 21, 14, 7, 0), top_k=8)
    assert all(int(item) >= 0 for item in near_zero.items)


def test_names_that_follow_each_other_are_associated_and_strangers_are_not() -> None:
    rng = np.random.default_rng(0)
    chain = [f"chain-{number}" for number in range(6)]
    walk = [item for _ in range(60) for item in (*chain, *[f"once-{rng.integers(10**9)}" for _ in range(70)])]
    model = fitted(walk)

    found = model.foretell(["chain-0", "chain-1"], top_k=3)

    assert named(found) == ["chain-2", "chain-3", "chain-4"]
    assert found.source == "association"
    assert found.precision is not None
    assert model.foretell(["once-unheard-of"], top_k=3).items == ()


def test_where_nothing_comes_true_nothing_is_issued() -> None:
    rng = np.random.default_rng(0)
    noise = [str(number) for number in rng.integers(0, 10**9, 3_000).tolist()]
    pairs = [str(number + place) for number in rng.integers(0, 10**9, 1_500).tolist() for place in (0, 1)]
    model = fitted(noise + pairs)

    follower = model.follow(top_k=8, has=RecentItems(64).items)
    issued = sum(len(follower.step(item).items) for item in pairs)

    assert issued < 0.02 * len(pairs)


def test_a_follower_closes_its_gate_and_opens_it_again() -> None:
    model = fitted(runs(0))
    rng = np.random.default_rng(1)
    deceptive = [str(number + place) for number in rng.integers(0, 10**9, 1_500).tolist() for place in (0, 1)]
    store = RecentItems(256)
    follower = model.follow(top_k=8, has=store.items)

    def lead(items: Sequence[str]) -> int:
        issued = 0
        for item in items:
            foretold = follower.step(item)
            store.use(item)
            for one in foretold.items:
                store.use(one)
            issued += len(foretold.items)
        return issued

    lead(deceptive)
    assert lead(deceptive[::-1]) < 0.05 * len(deceptive)
    lead(runs(2, n=300))
    assert lead(runs(3, n=50)) > 0.5 * 600


@pytest.mark.parametrize("budget", [0.05, 0.12])
def test_what_is_fetched_in_vain_stays_near_the_budget(budget: float) -> None:
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 10**9, 4_000).tolist()
    mixed = [str(start + step) for start in starts for step in range(int(rng.geometric(0.25)))]
    store = RecentItems(256)
    follower = fitted(mixed[:4_000], budget=budget).follow(top_k=32, has=store.items)
    wanted = issued = used = 0
    ahead: set[str] = set()
    for item in mixed[4_000:]:
        used += item in ahead and item in store.items
        wanted += item not in store.items or item in ahead
        ahead.discard(item)
        foretold = follower.step(item)
        store.use(item)
        for one in foretold.items:
            store.use(one)
            ahead.add(one)
            issued += 1

    assert issued > 0.1 * wanted
    assert (issued - used) / wanted < budget + 0.05


def test_a_question_is_answered_as_by_a_new_follower() -> None:
    model = fitted(runs(0))
    recent = addresses(1, 2, 3, 50, 4)
    follower = model.follow(top_k=4)
    for item in recent[:-1]:
        follower.step(item)

    assert model.foretell(recent, top_k=4) == follower.step_anew(recent[-1])
    assert model.foretell(recent, top_k=4) == model.foretell(recent, top_k=4)
    assert model.foretell([], top_k=4).items == ()


def test_association_alone_takes_addresses_for_names() -> None:
    model = fitted(runs(0), sources=("association",))

    assert model.foretell(addresses(500, 501, 502), top_k=4).items == ()


@given(st.text(max_size=25))
def test_only_what_is_written_back_unchanged_is_an_address(item: str) -> None:
    found = address_of(item)

    assert found is None or str(found) == item


@given(st.lists(st.integers(0, 30), max_size=120), st.integers(1, 8))
def test_generations_remember_the_last_and_never_more_than_twice_their_capacity(keys: list[int], capacity: int) -> None:
    memory: Generations[int, int] = Generations(capacity, {})
    for place, key in enumerate(keys):
        memory.put(key, place)
        assert len(memory.newer) + len(memory.older) <= 2 * capacity + 1

    last = list(dict.fromkeys(reversed(keys)))[:capacity]
    assert all(memory.get(key) == len(keys) - 1 - keys[::-1].index(key) for key in last)
    newest = memory.newest()
    assert len(newest) == min(capacity, len(set(keys)), len({*memory.newer, *memory.older}))
    assert memory.newer.keys() <= newest.keys()
    assert all(memory.get(key) == value for key, value in newest.items())


def test_what_was_known_before_is_kept_as_long_as_there_is_room() -> None:
    memory: Generations[int, int] = Generations(5, {1: 10, 2: 20})
    memory.put(3, 30)
    memory.put(1, 11)

    assert memory.newest() == {2: 20, 3: 30, 1: 11}


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0.05, 0.7))
def test_the_more_is_spent_the_higher_the_break_even(one: float, other: float, lowest: float) -> None:
    low, high = sorted((one, other))

    assert lowest <= break_even(low, lowest=lowest) <= break_even(high, lowest=lowest) <= 0.95


def test_the_gate_foretells_each_item_once_and_no_more_than_asked_for() -> None:
    gate = Gate([9.0], [10.0], sources=[0], lowest=0.25, budget=0.1, top_k=2, has={"there"})

    assert gate.offer("a", 0)
    assert gate.offer("a", 0)
    assert gate.offer("there", 0)
    assert gate.offer("b", 0)
    assert not gate.offer("c", 0)
    assert gate.foretold().items == ("a", "b")
    assert gate.foretold().items == ()
