from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.retrain.cron import latest_slot, next_slot

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


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "0 0 * * someday", "0 0 31 2 *"])
def test_an_expression_that_is_none_or_never_due_is_refused(cron: str) -> None:
    with pytest.raises(UsageError) as refused:
        next_slot(cron, MONDAY)

    assert refused.value.mend


def test_slots_missed_while_nobody_worked_are_one_slot() -> None:
    due = latest_slot("0 * * * *", since=MONDAY, now=MONDAY + timedelta(days=2, minutes=5))

    assert due == MONDAY + timedelta(days=2)


@given(minutes=st.integers(0, 10_000))
def test_a_slot_is_never_in_the_future_nor_before_the_last(minutes: int) -> None:
    now = MONDAY + timedelta(minutes=minutes)

    due = latest_slot("7 */3 * * *", since=MONDAY, now=now)

    assert due is None or MONDAY < due <= now
    assert due is not None or minutes < 187
