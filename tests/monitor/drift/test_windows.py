from datetime import timedelta
from functools import reduce

import pytest
from tests.monitor.drift.watched import LIVE, answer_stream, answer_windows, stream

from telltale.features.summaries.stream import Summary, merge
from telltale.models.bundle import load_bundle
from telltale.monitor.drift.windows import Watched, keep_hours, summarise_log, window_summary
from telltale.storage.folder import Folder
from telltale.train.drift_reference import SCORE, SCORE_ALONE
from telltale.train.version import Trained

HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def watched(alarm: Trained) -> Watched:
    reference = load_bundle(alarm.directory).drift_reference()
    assert reference is not None
    return Watched(app="shop", task="alarm", version=1, reference=reference)


def kept(folder: Folder) -> list[tuple[object, ...]]:
    return folder.events.fetch("SELECT from_us, n_rows, summary FROM drift_window ORDER BY from_us")


def known(summary: Summary, watched: Watched) -> dict[str, int]:
    return {name: one.n for name, one in zip(watched.reference.layout.names, summary.features, strict=True)}


def test_closed_hours_are_kept_once_whoever_summarises_them(folder: Folder, alarm: Trained, watched: Watched) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=3))
    now = LIVE + 3 * HOUR + timedelta(minutes=1)

    assert (
        keep_hours(folder.events, watched, since=LIVE - HOUR, now=now) == 3
    )  # one of them has no row; the last is open
    before = kept(folder)
    assert keep_hours(folder.events, watched, since=LIVE - HOUR, now=now) == 0
    assert [row[1] for row in before] == [0, 24, 24]
    with folder.events.write() as connection:
        connection.exec_driver_sql("DELETE FROM drift_window")
    keep_hours(folder.events, watched, since=LIVE - HOUR, now=now)
    assert kept(folder) == before


def test_a_window_is_the_same_from_kept_hours_and_from_the_log(
    folder: Folder, alarm: Trained, watched: Watched
) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=5))
    since, until = LIVE + timedelta(minutes=20), LIVE + timedelta(hours=4, minutes=50)
    from_log = window_summary(folder.events, watched, since=since, until=until)

    keep_hours(folder.events, watched, since=LIVE, now=LIVE + 4 * HOUR)

    from_hours = window_summary(folder.events, watched, since=since, until=until)
    assert from_hours == from_log
    assert from_hours.n_rows == 108


def test_hours_remember_what_came_before_them(folder: Folder, alarm: Trained, watched: Watched) -> None:
    answer_stream(folder.events, alarm, stream(LIVE, hours=4))
    hours = [
        summarise_log(folder.events, watched, since=LIVE + i * HOUR, until=LIVE + (i + 1) * HOUR) for i in range(4)
    ]
    whole = summarise_log(folder.events, watched, since=LIVE, until=LIVE + 4 * HOUR)

    # Pairs sixteen rows apart are in no hour of twelve by itself.
    assert reduce(merge, hours) == whole
    assert whole.features[0].n_pairs == (94, 92, 88, 80, 64)


def test_other_versions_and_tasks_are_left_out(folder: Folder, alarm: Trained, watched: Watched) -> None:
    rows = stream(LIVE, hours=1)
    answer_stream(folder.events, alarm, rows)
    answer_stream(folder.events, alarm, rows, version=2)
    answer_stream(folder.events, alarm, rows, task="other")

    assert window_summary(folder.events, watched, since=LIVE, until=LIVE + HOUR).n_rows == 24


def test_scores_of_rows_alone_and_of_windows_are_apart_and_neither_is_missing(
    folder: Folder, alarm: Trained, watched: Watched
) -> None:
    rows = stream(LIVE, hours=1)
    answer_stream(folder.events, alarm, rows)
    answer_windows(folder.events, alarm, rows)

    summary = window_summary(folder.events, watched, since=LIVE, until=LIVE + HOUR)

    assert known(summary, watched) == {"load": 38, "heat": 38, SCORE: 14, SCORE_ALONE: 24}
    assert [sum(one.n_missing) for one in summary.features] == [0, 0, 0, 0]
