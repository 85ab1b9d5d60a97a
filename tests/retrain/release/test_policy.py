from datetime import timedelta

import msgspec
import pytest
from tests.retrain.release.logged import HOUR, NOW

from telltale.evaluate.sequential import Conclusion, SequentialAnswer
from telltale.monitor.service import ServiceLevel
from telltale.registry.release import Release
from telltale.retrain.release.comparison import LiveComparison
from telltale.retrain.release.policy import Seen, decide

RAMP = (5, 25, 50, 100)


def release(*steps: int, state: str = "running", step: int = 0) -> Release:
    return msgspec.convert(
        {
            "id": 1,
            "app": "shop",
            "task": "alarm",
            "number": 2,
            "against": 1,
            "steps": steps,
            "step": step,
            "every_s": 3600.0,
            "margin": None,
            "salt": "s",
            "state": state,
            "started_at": NOW,
            "step_at": NOW,
            "watch_until": NOW + timedelta(days=7) if state == "watching" else None,
            "ended_at": None,
            "actor": "test",
            "reason": "",
        },
        Release,
    )


def served(n: int = 500, *, n_failed: int = 0, ms: float | None = 2.0) -> ServiceLevel:
    return ServiceLevel(
        n=n,
        n_failed=n_failed,
        error_rate=n_failed / n if n else None,
        mean_ms=ms,
        last_100_mean_ms=ms,
        p50_ms=ms,
        p95_ms=ms,
        p99_ms=ms,
        n_timed=0 if ms is None else n,
    )


def seen(
    conclusion: Conclusion | None = "keep_going",
    *,
    new: ServiceLevel | None = None,
    old: ServiceLevel | None = None,
    n_step: int = 500,
    quality: str = "",
) -> Seen:
    answer = (
        None if conclusion is None else SequentialAnswer(conclusion=conclusion, level=0.05, n=99, reason="so it is")
    )
    comparison = LiveComparison(a=2, b=1, how="none" if answer is None else "paired", answer=answer, reason="nothing")
    return Seen(comparison=comparison, new=new or served(), old=old or served(), n_step=n_step, quality=quality)


def act(of: Release, what: Seen, *, after: timedelta = timedelta(minutes=5)) -> str:
    return decide(of, what, now=NOW + after).action


@pytest.mark.parametrize("steps", [(0,), (50,), RAMP])
@pytest.mark.parametrize(
    "harm",
    [
        seen("B"),
        seen("A", new=served(n_failed=40)),
        seen(None, new=served(ms=250.0)),
        seen("keep_going", new=served(n_failed=40, ms=None), old=served(0, ms=None)),
    ],
)
def test_a_worse_challenger_is_stopped(steps: tuple[int, ...], harm: Seen) -> None:
    assert act(release(*steps), harm, after=2 * HOUR) == "stop"


@pytest.mark.parametrize(
    "harm", [seen("B"), seen("A", new=served(n_failed=40)), seen("A", new=served(ms=250.0)), seen(None, quality="bad")]
)
def test_a_worse_champion_is_rolled_back_as_long_as_it_is_watched(harm: Seen) -> None:
    assert act(release(*RAMP, state="watching", step=3), harm) == "roll_back"


@pytest.mark.parametrize(
    "fine",
    [
        seen(new=served(19, n_failed=10)),  # too few to tell
        seen(new=served(n_failed=24)),  # under 5 %
        seen(new=served(n_failed=40), old=served(n_failed=30)),  # the other one has about as many
        seen(new=served(ms=150.0), old=served(ms=90.0)),  # slow, but not twice as slow
        seen(new=served(ms=90.0)),  # twice as slow, but fast enough
    ],
)
def test_what_is_no_worse_goes_on(fine: Seen) -> None:
    assert act(release(50), fine) == "wait"
    assert act(release(50, state="watching"), fine) == "wait"


def test_an_ab_test_promotes_the_winner_and_ends_where_nothing_differs() -> None:
    assert act(release(50), seen("A")) == "promote"
    assert act(release(50), seen("no_difference")) == "stop"
    assert act(release(50), seen("keep_going")) == "wait"
    assert act(release(50), seen("refused")) == "wait"


def test_a_shadow_that_is_better_is_recommended_and_decides_nothing() -> None:
    assert act(release(0), seen("A")) == "recommend"
    assert act(release(0), seen("no_difference")) == "wait"
    assert act(release(0), seen(None)) == "wait"


def test_a_ramp_goes_on_when_its_step_is_over_and_enough_was_decided() -> None:
    assert act(release(*RAMP), seen(), after=timedelta(minutes=59)) == "wait"
    assert act(release(*RAMP), seen(n_step=49), after=HOUR) == "wait"
    assert act(release(*RAMP), seen(n_step=50), after=HOUR) == "advance"
    assert act(release(*RAMP), seen(None, n_step=50), after=HOUR) == "advance"
    assert act(release(*RAMP, step=2), seen(n_step=50), after=HOUR) == "promote"


def test_what_is_waited_for_is_told_with_how_much_of_it() -> None:
    told = decide(release(*RAMP), seen(n_step=20), now=NOW + HOUR)

    assert told.reason == "30 more requests must be decided at 5 %"


def test_a_champion_that_was_watched_long_enough_is_kept() -> None:
    watched = release(*RAMP, state="watching", step=3)

    assert act(watched, seen(), after=timedelta(days=7)) == "keep"
    assert act(watched, seen("no_difference"), after=timedelta(days=6)) == "wait"
