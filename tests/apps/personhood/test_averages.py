import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.personhood.averages import Averages, averages_of

KEYS = st.lists(
    st.tuples(st.floats(1, 3_000), st.floats(1, 500)), min_size=10, max_size=60
)  # the gap before each press, and how long it is held


def pressed(keys: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    now, presses, releases = 0.0, [], []
    for gap, hold in keys:
        now += gap
        presses.append(now)
        releases.append(now + hold)
    return presses, releases


def collected(presses: list[float], releases: list[float]) -> tuple[int, int, int]:
    """The plain way of a collector that keeps events as keys come up: speed, hold, transition."""
    events = sorted(zip(releases, presses, strict=True))
    minutes = (events[-1][0] - min(presses)) / 1_000 / 60
    speed = int((len(events) / 5) / minutes)
    hold = int(sum(up - down for up, down in events) / len(events))
    transitions = []
    for i in range(1, len(events)):
        gap = events[i][0] - events[i - 1][0]
        if 0 < gap < 1_000:
            transitions.append(gap)
    return speed, hold, int(sum(transitions) / len(transitions)) if transitions else 0


@given(keys=KEYS, corrections=st.integers(0, 10))
def test_averages_are_those_of_a_plain_collector(keys: list[tuple[float, float]], corrections: int) -> None:
    presses, releases = pressed(keys)

    found = averages_of(presses, releases, corrections=corrections, local_hour=9)

    assert found is not None
    speed, hold, transition = collected(presses, releases)
    # Both cut to whole numbers; a sum in another order can fall on the other side of one.
    assert found.typing_speed_wpm == pytest.approx(speed, abs=1)
    assert found.avg_key_hold_time_ms == pytest.approx(hold, abs=1)
    assert found.avg_transition_time_ms == pytest.approx(transition, abs=1)
    assert found.error_rate_percent == pytest.approx(100 * corrections / len(keys), abs=0.00501)


def test_fewer_than_ten_keys_are_no_session() -> None:
    presses, releases = pressed([(100, 50)] * 9)

    assert averages_of(presses, releases, corrections=0, local_hour=9) is None


def test_pauses_of_a_second_and_more_are_no_transitions() -> None:
    presses, releases = pressed([(200.0, 50.0)] * 10 + [(1_000.0, 50.0)] + [(5_000.0, 50.0)] * 5)

    found = averages_of(presses, releases, corrections=3, local_hour=23)

    assert found == Averages(
        typing_speed_wpm=6,
        avg_key_hold_time_ms=50,
        avg_transition_time_ms=200,
        error_rate_percent=18.75,
        activity_hour_preference=23,
    )


def test_where_every_gap_is_a_pause_there_is_no_transition() -> None:
    presses, releases = pressed([(2_000.0, 50.0)] * 12)

    found = averages_of(presses, releases, corrections=0, local_hour=0)

    assert found is not None
    assert found.avg_transition_time_ms == 0


def test_keys_that_come_up_in_another_order_are_taken_in_that_order() -> None:
    presses = [100.0 * i for i in range(10)]
    releases = [press + 50 for press in presses]
    releases[4] = releases[5] + 25  # held beyond the next key

    found = averages_of(presses, releases, corrections=0, local_hour=0)

    assert found is not None
    assert found.avg_transition_time_ms == 100  # 900 ms from the first release to the last, in nine gaps
