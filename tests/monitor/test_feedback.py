from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from telltale.contract.errors import NotFoundError, UsageError
from telltale.monitor.feedback import Feedback, check_feedback, check_feedbacks, labelled_predictions, write_feedback
from telltale.monitor.prediction_log import PredictionLog, Record
from telltale.storage.database import Database

NOW = datetime(2024, 12, 1, tzinfo=UTC)
Make = Callable[..., Record]


def _say(events: Database, feedback: Feedback) -> None:
    row = check_feedback(events, feedback, actor="test", now=NOW)
    with events.write() as connection:
        write_feedback(connection, [row])


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _labels(events: Database) -> dict[str, int]:
    frame = labelled_predictions(events, "helios", "anomaly")
    return dict(zip(frame["prediction_id"], frame["label"], strict=True))


def test_feedback_by_id_labels_that_prediction_alone(events: Database, record: Make) -> None:
    with PredictionLog(events) as log:
        log.append(record("one"))
        log.append(record("two"))

    _say(events, Feedback(prediction_id="one", label=1))

    assert _labels(events) == {"one": 1}


def test_the_last_word_on_a_prediction_counts(events: Database, record: Make) -> None:
    with PredictionLog(events) as log:
        log.append(record("one", time_s=100.0))
    _say(events, Feedback(app="helios", task="anomaly", since=_at(0), to=_at(200), label=1))

    _say(events, Feedback(prediction_id="one", label=0))

    assert _labels(events) == {"one": 0}


def test_an_unknown_prediction_is_refused_with_the_mend(events: Database) -> None:
    with pytest.raises(NotFoundError, match=r"no prediction 'ghost'.*Give the prediction_id"):
        check_feedback(events, Feedback(prediction_id="ghost", label=1), actor="test", now=NOW)


@pytest.mark.parametrize(
    ("feedback", "what"),
    [
        (Feedback(label=1), "neither a prediction nor a whole span"),
        (Feedback(label=1, app="helios", task="anomaly", since=_at(1)), "neither a prediction nor a whole span"),
        (Feedback(label=1, app="helios", task="anomaly", since=_at(2), to=_at(1)), "before it begins"),
        (Feedback(label=1, prediction_id="one", app="helios"), "at once"),
    ],
)
def test_unclear_feedback_is_refused_and_says_what_to_give(events: Database, feedback: Feedback, what: str) -> None:
    with pytest.raises(UsageError, match=f"{what}.*Give prediction_id and label, or app"):
        check_feedback(events, feedback, actor="test", now=NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["x", "y", None])), min_size=1, max_size=12),
    words=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 10), st.sampled_from(["x", "y", None]), st.sampled_from([0, 1])),
        max_size=6,
    ),
)
def test_spans_label_what_a_plain_reading_labels(
    events: Database,
    record: Make,
    rows: list[tuple[int, str | None]],
    words: list[tuple[int, int, str | None, int]],
) -> None:
    with events.write() as connection:
        connection.execute(text("DELETE FROM prediction"))
        connection.execute(text("DELETE FROM feedback"))
    with PredictionLog(events, interval_s=60.0) as log:
        for number, (at, entity) in enumerate(rows):
            log.append(record(f"{number:02d}", time_s=float(at), entity=entity))
    expected: dict[str, int] = {}
    for start, length, entity, label in words:
        span = Feedback(
            app="helios",
            task="anomaly",
            entity=entity,
            since=_at(start),
            to=_at(start) + timedelta(seconds=length),
            label=1 if label else 0,
        )
        _say(events, span)
        for number, (at, whose) in enumerate(rows):
            if start <= at <= start + length and entity in (None, whose):
                expected[f"{number:02d}"] = label

    assert _labels(events) == expected


def test_a_list_of_feedback_is_checked_by_one_look_and_keeps_its_order(
    events: Database, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PredictionLog(events) as log:
        for number in range(50):
            log.append(record(f"p{number}"))
    asked: list[str] = []
    fetch = events.fetch_each

    def counted(sql: str, rows: Sequence[Sequence[str]]) -> list[tuple[Any, ...] | None]:
        asked.append(sql)
        return fetch(sql, rows)

    monkeypatch.setattr(events, "fetch_each", counted)
    span = Feedback(app="helios", task="anomaly", since=_at(1), to=_at(2), label=0)
    said = [span, *(Feedback(prediction_id=f"p{number}", label=1) for number in range(49, -1, -1)), span]

    rows = check_feedbacks(events, said, actor="test", now=NOW)

    assert [row.prediction_id for row in rows] == [None, *(f"p{number}" for number in range(49, -1, -1)), None]
    assert len(asked) == 1
