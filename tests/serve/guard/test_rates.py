import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import TooManyRequestsError
from telltale.serve.guard.caller import LOCAL, Caller
from telltale.serve.guard.rates import Rates


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def caller(name: str = "a", rate: float | None = None) -> Caller:
    return Caller(actor=name, scopes=frozenset({"predict"}), rate=rate)


def passes(rates: Rates, who: Caller, subject: str = "app/task") -> bool:
    try:
        rates.take(who, subject)
    except TooManyRequestsError:
        return False
    return True


def test_a_burst_of_a_second_passes_and_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(5, clock=clock)
    assert [passes(rates, LOCAL) for _ in range(7)] == [True] * 5 + [False] * 2

    clock.now += 0.2
    assert [passes(rates, LOCAL) for _ in range(2)] == [True, False]
    clock.now += 1_000
    assert [passes(rates, LOCAL) for _ in range(7)] == [True] * 5 + [False] * 2


def test_the_refusal_says_when_to_come_back() -> None:
    clock = Clock()
    rates = Rates(0.5, clock=clock)
    rates.take(LOCAL, "app/task")

    with pytest.raises(TooManyRequestsError, match=r"more than 0.5 requests a second\. Wait 2 s") as refused:
        rates.take(LOCAL, "app/task")

    assert refused.value.retry_after_s == pytest.approx(2)
    clock.now += 2.0
    rates.take(LOCAL, "app/task")


def test_each_key_and_task_has_a_rate_of_its_own() -> None:
    rates = Rates(1, clock=Clock())
    asked = [(caller("a"), "x"), (caller("b"), "x"), (caller("a"), "y")]

    assert [passes(rates, *one) for one in asked] == [True] * 3
    assert [passes(rates, *one) for one in asked] == [False] * 3


def test_a_keys_own_rate_goes_before_the_servers_and_none_is_no_limit() -> None:
    clock = Clock()
    assert sum(passes(Rates(1, clock=clock), caller(rate=3)) for _ in range(1)) == 1
    own, free = Rates(1, clock=clock), Rates(0, clock=clock)

    assert sum(passes(own, caller(rate=3)) for _ in range(10)) == 3
    assert sum(passes(free, caller()) for _ in range(1_000)) == 1_000
    assert len(free) == 0
    assert free.pace(caller(), "x") is None


@given(
    rate=st.floats(0.1, 50),
    n_workers=st.integers(1, 4),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_over_any_time_no_more_passes_than_the_rate_and_the_bursts(
    rate: float, n_workers: int, gaps: list[float]
) -> None:
    clock = Clock()
    workers = [Rates(rate, n_workers=n_workers, clock=clock) for _ in range(n_workers)]
    n_passed = 0
    for gap in gaps:
        clock.now += gap
        n_passed += sum(passes(worker, LOCAL) for worker in workers)

    assert n_passed <= rate * sum(gaps) + n_workers * max(1.0, rate / n_workers) + 1e-6


def test_whoever_keeps_the_rate_is_never_refused() -> None:
    clock = Clock()
    rates = Rates(3, clock=clock)
    for _ in range(10_000):
        assert passes(rates, LOCAL)
        clock.now += 1 / 3 + 1e-9


def test_a_batch_waits_for_its_rows_and_they_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    rates = Rates(10, clock=clock)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = rates.pace(LOCAL, "app/task")
    assert pace is not None

    async def answer() -> None:
        for _ in range(5):
            await pace(20)

    asyncio.run(answer())

    # 100 rows at 10 a second, the first ten at once.
    assert sum(waited) == pytest.approx(9)
    assert not passes(rates, LOCAL)
    clock.now += 0.1
    assert passes(rates, LOCAL)


def test_buckets_of_callers_who_have_gone_are_dropped() -> None:
    clock = Clock()
    rates = Rates(1, clock=clock)
    for n in range(10_000):
        rates.take(caller(str(n)), "app/task")
        clock.now += 0.1

    assert len(rates) <= 256
    assert math.isclose(clock.now, 2_000)
