from datetime import timedelta

import polars as pl
import pytest
from tests.retrain.release.logged import HOUR, NOW, Logged

from telltale.evaluate.paired_comparison import PairedComparison
from telltale.retrain.release.paired_units import count_units, paired_comparison, paired_units

Row = tuple[str | None, float, bool | None, bool | None, int | None]  # entity, minutes, decisions of A and B, label


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(
        [(entity, NOW + timedelta(minutes=minutes), a, b, label) for entity, minutes, a, b, label in rows],
        schema={
            "entity": pl.String,
            "time": pl.Datetime("us", "UTC"),
            "decision_a": pl.Boolean,
            "decision_b": pl.Boolean,
            "label": pl.Int8,
        },
        orient="row",
    )


def test_the_rows_of_an_incident_count_once_however_long_it_lasts() -> None:
    incident = [("sw-1", 5.0 * n, True, False, 1) for n in range(100)]

    found = count_units(PairedComparison(), frame(*incident))

    assert (found.n, found.a_caught) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        ("sw-2", 5.0, True, False, 1),  # another entity
        ("sw-1", 5.0, True, False, 0),  # another label
        ("sw-1", 5.0, False, False, 1),  # another decision
        ("sw-1", 61.0, True, False, 1),  # long after
    ],
)
def test_rows_that_are_not_right_or_wrong_together_count_each(other: Row) -> None:
    assert paired_units(frame(("sw-1", 0.0, True, False, 1), other)).height == 2


def test_a_quiet_day_counts_by_the_hour() -> None:
    quiet = [("sw-1", 5.0 * n, False, False, 0) for n in range(24 * 12)]

    assert count_units(PairedComparison(), frame(*quiet)).n == 24


def test_rows_without_a_label_or_a_decision_are_left_out_and_do_not_part_others() -> None:
    rows: list[Row] = [("sw-1", 0, True, False, 1), ("sw-1", 5, True, False, None), ("sw-1", 10, None, False, 1)]

    assert paired_units(frame(*rows, ("sw-1", 15, True, False, 1))).height == 1


def test_a_later_look_at_more_rows_counts_what_it_counted_before() -> None:
    rows: list[Row] = [(f"sw-{n % 3}", 7.0 * n, n % 5 == 0, n % 7 == 0, int(n % 10 == 0)) for n in range(300)]

    whole = {tuple(row) for row in paired_units(frame(*rows)).rows()}

    for n in range(0, 300, 37):
        assert {tuple(row) for row in paired_units(frame(*rows[:n])).rows()} <= whole


def test_no_rows_are_no_comparison() -> None:
    assert count_units(PairedComparison(), frame()).answer().conclusion == "refused"


def test_a_long_release_is_read_part_by_part_and_counted_once(log: Logged) -> None:
    for n in range(120):  # two days and a half, half an hour apart
        log.pair(decided_by=1, shadow=2, decisions={1: False, 2: n % 3 == 0}, label=1, at_s=1_800.0 * n)
    log.pair(decided_by=1, shadow=2, decisions={1: False, 2: True}, label=1, at_s=-60.0)  # before it began

    events = log.desk().folder.events
    found = paired_comparison(events, "shop", "alarm", a=2, b=1, since=NOW, until=NOW + 59 * HOUR)

    assert (found.n, found.a_caught, found.b_caught) == (118, 40, 0)
