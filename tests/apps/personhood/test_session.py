"""What a session may not contradict, and the averages of many."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.apps.personhood.averages import averages_of
from telltale.apps.personhood.schema import AVERAGES, KEY_CLASSES, SESSION
from telltale.apps.personhood.session import averages_from_sessions, session_fault
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import check_rows

TIMED = st.lists(st.tuples(st.floats(1, 900), st.floats(1, 400), st.sampled_from(KEY_CLASSES)), min_size=1, max_size=40)


def session(keys: list[tuple[float, float, str]], *, number: int = 0, **changed: object) -> dict[str, object]:
    presses = (np.cumsum([gap for gap, _, _ in keys]) - keys[0][0]).round(1).tolist()
    releases = [round(down + hold, 1) for down, (_, hold, _) in zip(presses, keys, strict=True)]
    classes = [kind for _, _, kind in keys]
    return {
        "user_id": "alice",
        "session_id": f"session_{number}",
        "timestamp": 1_700_000_000 + 60 * number,
        "presses_ms": presses,
        "releases_ms": releases,
        "classes": classes,
        "corrections": classes.count("correction"),
        "local_hour": 9,
    } | changed


def checked(*rows: dict[str, object]) -> pl.DataFrame:
    found = check_rows(SESSION, rows_from_objects(list(rows)), require_time=True)
    assert found.quarantined == ()
    return found.frame


@given(keys=TIMED)
def test_what_a_recorder_writes_is_no_contradiction(keys: list[tuple[float, float, str]]) -> None:
    made = session(keys)

    fault = session_fault(
        made["presses_ms"],  # type: ignore[arg-type]
        made["releases_ms"],  # type: ignore[arg-type]
        classes=made["classes"],  # type: ignore[arg-type]
        corrections=made["corrections"],  # type: ignore[arg-type]
    )

    assert fault is None


@given(keys=TIMED)
def test_every_session_of_ten_keys_gives_its_averages_and_every_other_says_why(
    keys: list[tuple[float, float, str]],
) -> None:
    made = session(keys)

    derived = averages_from_sessions(checked(made))

    if len(keys) < 10:
        assert derived.frame.is_empty()
        assert derived.left_out == {1: f"it has {len(keys)} keys; 10 are the least"}
        return
    expected = averages_of(
        made["presses_ms"],  # type: ignore[arg-type]
        made["releases_ms"],  # type: ignore[arg-type]
        corrections=made["corrections"],  # type: ignore[arg-type]
        local_hour=9,
    )
    assert expected is not None
    row = derived.frame.row(0, named=True)
    assert {name: row[name] for name in expected.__struct_fields__} == {
        name: getattr(expected, name) for name in expected.__struct_fields__
    }
    assert row["error_rate_percent"] == pytest.approx(100 * made["corrections"] / len(keys), abs=0.00501)  # type: ignore[operator]
    assert row["is_legitimate"] is None


LONG = [(100.0, 80.0, "letter")] * 11


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"releases_ms": [80.0, 99.0, *(2_000.0 for _ in range(9))]}, "key 2 came up before it went down"),
        ({"corrections": 3}, "corrections is 3, and 0 of its keys are corrections"),
    ],
)
def test_a_session_that_contradicts_itself_is_left_out_by_line_and_the_others_stay(
    changed: dict[str, object], why: str
) -> None:
    frame = checked(session(LONG), session(LONG, number=1, **changed), session(LONG, number=2, is_legitimate=1))

    derived = averages_from_sessions(frame)

    assert derived.left_out == {2: why}
    assert derived.frame["session_id"].to_list() == ["session_0", "session_2"]


def test_lists_of_other_lengths_are_set_aside_where_they_enter() -> None:
    rows = [
        session(LONG),
        session(LONG, number=1, releases_ms=[1_000.0] * 10),
        session(LONG, number=2, classes=["space"]),
    ]

    found = check_rows(SESSION, rows_from_objects(rows), require_time=True)

    assert [(bad.line, bad.reason) for bad in found.quarantined] == [
        (2, "11 presses_ms, 10 releases_ms, 11 classes: there must be as many of each"),
        (3, "11 presses_ms, 11 releases_ms, 1 classes: there must be as many of each"),
    ]


def test_labels_go_with_their_sessions_and_rows_are_rows_of_averages() -> None:
    rows = [session(LONG, number=number, is_legitimate=number % 2) for number in range(4)]

    derived = averages_from_sessions(checked(*rows)).frame

    assert derived["is_legitimate"].to_list() == [0, 1, 0, 1]
    assert derived.columns == [
        "user_id",
        "session_id",
        "typing_speed_wpm",
        "avg_key_hold_time_ms",
        "avg_transition_time_ms",
        "error_rate_percent",
        "activity_hour_preference",
        "timestamp",
        "is_legitimate",
    ]
    averages = check_rows(AVERAGES, rows_from_objects(derived.to_dicts()), require_time=True)
    assert averages.quarantined == ()
    assert averages.frame[LINE].len() == 4
