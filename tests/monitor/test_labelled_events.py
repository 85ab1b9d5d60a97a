from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.monitor.feedback import FeedbackRow, write_feedback
from telltale.monitor.labelled_events import label_events
from telltale.storage.database import Database, open_database
from telltale.storage.instants import to_us
from telltale.telemetry.frames import ENTITY, LABEL, TIME

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return open_database(tmp_path_factory.mktemp("home") / "events.db", schema="events")


def rows(entities: tuple[str, ...] = ("",), n: int = 10, labels: list[int | None] | None = None) -> pl.DataFrame:
    times = [START + timedelta(minutes=i) for i in range(n)]
    data = {ENTITY: [name for name in sorted(entities) for _ in times], TIME: times * len(entities)}
    frame = pl.DataFrame(data, schema={ENTITY: pl.String, TIME: pl.Datetime("us", "UTC")})
    return frame if labels is None else frame.with_columns(pl.Series(LABEL, labels, dtype=pl.Int8))


def span(task: str, first: int, last: int, *, label: int, entity: str | None = None) -> FeedbackRow:
    at = [to_us(START + timedelta(minutes=minute)) for minute in (first, last)]
    return FeedbackRow(
        app="a",
        task=task,
        prediction_id=None,
        entity=entity,
        from_us=at[0],
        to_us=at[1],
        label=label,
        actor="t",
        at_us=0,
    )


def say(events: Database, *said: FeedbackRow) -> None:
    with events.write() as connection:
        write_feedback(connection, said)


def test_rows_nobody_spoke_of_stay_as_they_are(events: Database) -> None:
    frame = rows()

    assert label_events(events, "a", "nobody", frame).equals(frame)


def test_the_last_word_counts_and_both_ends_belong_to_a_span(events: Database) -> None:
    say(events, span("last", 2, 5, label=1), span("last", 5, 6, label=0))

    labels = label_events(events, "a", "last", rows())[LABEL].to_list()

    assert labels == [None, None, 1, 1, 1, 0, 0, None, None, None]


def test_feedback_stands_over_the_label_a_row_was_stored_with(events: Database) -> None:
    say(events, span("over", 0, 0, label=0))

    labels = label_events(events, "a", "over", rows(n=3, labels=[1, 1, None]))[LABEL].to_list()

    assert labels == [0, 1, None]


def test_a_span_is_of_its_entity_or_of_all(events: Database) -> None:
    say(events, span("entity", 0, 0, label=1, entity="b"), span("entity", 1, 1, label=1))

    labels = label_events(events, "a", "entity", rows(("a", "b"), n=2))[LABEL].to_list()

    assert labels == [None, 1, 1, 1]


_spans = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 1), st.sampled_from([None, "a", "b", "c"])),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(said=_spans)
def test_labels_are_what_going_through_every_row_gives(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, int, int, str | None]]
) -> None:
    events = open_database(Path(tmp_path_factory.mktemp("home")) / "events.db", schema="events")
    say(events, *(span("t", min(x, y), max(x, y), label=label, entity=entity) for x, y, label, entity in said))
    frame = rows(("a", "b"))

    done = label_events(events, "a", "t", frame)

    expected: list[int | None] = []
    for entity, minute in zip(frame[ENTITY], np.tile(np.arange(10), 2).tolist(), strict=True):
        word: int | None = None
        for x, y, label, of in said:
            if min(x, y) <= minute <= max(x, y) and of in (None, entity):
                word = label
        expected.append(word)
    assert (done[LABEL].to_list() if LABEL in done.columns else [None] * 20) == expected
