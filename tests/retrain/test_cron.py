from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.retrain.cron import Due, due_slot, next_slot

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("0 3 * * 0", "Sunday 07 03:00"),
        ("0 3 * * 7", "Sunday 07 03:00"),
        ("0 3 * * 1", "Monday 01 03:00"),
        ("0 5 * * mon", "Monday 01 05:00"),
        ("30 2 * * 2-4", "Tuesday 02 02:30"),
        ("0 0 * * 0-2", "Tuesday 02 00:00"),
        ("0 4 1 * *", "Monday 01 04:00"),
        ("0 * * * *", "Monday 01 01:00"),
        ("*/15 * * * *", "Monday 01 00:15"),
    ],
)
def test_weekdays_count_as_in_crontab(cron: str, due: str) -> None:
    assert next_slot(cron, MONDAY).strftime("%A %d %H:%M") == due


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "every 0h", "every often", "every 5", "61 * * * *", "0 0 * * someday", "0 0 31 2 *"]
)
def test_an_expression_that_is_none_or_never_due_is_refused(cron: str) -> None:
    with pytest.raises(UsageError) as refused:
        next_slot(cron, MONDAY)

    assert refused.value.mend


def test_slots_missed_while_nobody_worked_are_one_slot() -> None:
    due = due_slot("0 * * * *", since=MONDAY, now=MONDAY + timedelta(days=2, minutes=5))

    assert due == Due(MONDAY + timedelta(days=2), 47)


@pytest.mark.parametrize("cron", ["7 */3 * * *", "every 3h", "every 90m", "every 2d"])
@given(minutes=st.integers(0, 10_000))
def test_slots_missed_are_counted_one_by_one(cron: str, minutes: int) -> None:
    now, at, n = MONDAY + timedelta(minutes=minutes), MONDAY, -1
    while (following := next_slot(cron, at)) <= now:
        at, n = following, n + 1

    assert due_slot(cron, since=MONDAY, now=now) == (None if n < 0 else Due(at, n))


@pytest.mark.parametrize(
    ("words", "due"),
    [
        ("every 15m", "Monday 01 05:45"),
        ("every 6h", "Monday 01 06:00"),
        ("EVERY 1 D", "Tuesday 02 00:00"),
        (" every 8h ", "Monday 01 08:00"),
    ],
)
def test_an_interval_is_due_at_the_same_moments_in_every_process(words: str, due: str) -> None:
    at = MONDAY + timedelta(hours=5, minutes=30)

    assert next_slot(words, at).strftime("%A %d %H:%M") == due
    assert next_slot(words, next_slot(words, at) - timedelta(seconds=1)) == next_slot(words, at)


@given(minutes=st.integers(0, 10_000))
def test_a_slot_is_never_in_the_future_nor_before_the_last(minutes: int) -> None:
    now = MONDAY + timedelta(minutes=minutes)

    due = due_slot("7 */3 * * *", since=MONDAY, now=now)

    assert due is None or MONDAY < due.at <= now
    assert due is not None or minutes < 187
