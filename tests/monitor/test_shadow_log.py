"""Answers of shadows, read back beside the decisions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from telltale.contract.answer import ChoiceAnswer, ScoreAnswer
from telltale.monitor.feedback import Feedback, check_feedback, write_feedback
from telltale.monitor.prediction_log import PredictionLog, Record, ServedVersion
from telltale.monitor.service_minutes import Served, ServiceMinutes, write_minutes
from telltale.monitor.shadow_log import ShadowReport, paired_answers, shadow_report, write_shadows
from telltale.storage.database import Database

Make = Callable[..., Record]
START = datetime(2024, 12, 1, tzinfo=UTC)
END = START + timedelta(days=1)
CHAMPION, CHALLENGER = 3, 4


def _served(version: int, role: str = "shadow") -> ServedVersion:
    return ServedVersion(app="helios", task="anomaly", version=version, role=role, columns=("a", "b"))


def _answer(score: float) -> ScoreAnswer:
    return ScoreAnswer(score=score, decision=score >= 0.5, threshold=0.5, context="row")


def _log(events: Database, record: Make, *pairs: tuple[str, int, float, float]) -> None:
    """Id, who decided, its score, the other's score; a second apart."""
    shadows = []
    with PredictionLog(events, interval_s=60.0) as log:
        for number, (prediction_id, version, score, other_score) in enumerate(pairs):
            made = record(prediction_id, time_s=START.timestamp() + number, score=score)
            log.append((_served(version, "champion"), *made[1:]))
            other = CHAMPION + CHALLENGER - version
            shadows.append((_served(other), prediction_id, _answer(other_score), 20e-6, made[7]))
    with events.write() as connection:
        write_shadows(connection, shadows)


def _pairs(events: Database, **span: datetime) -> list[dict[str, object]]:
    times = {"since": START, "until": END} | span
    return paired_answers(events, "helios", "anomaly", a=CHALLENGER, b=CHAMPION, **times).to_dicts()


def test_both_answers_stand_side_by_side_whoever_decided(events: Database, record: Make) -> None:
    _log(events, record, ("one", CHAMPION, 0.2, 0.7), ("two", CHALLENGER, 0.9, 0.1))

    one, two = _pairs(events)
    assert (one["decided_by"], one["score_a"], one["score_b"]) == (CHAMPION, 0.7, 0.2)
    assert (two["decided_by"], two["score_a"], two["score_b"]) == (CHALLENGER, 0.9, 0.1)
    assert [one["decision_a"], one["decision_b"]] == [True, False]
    assert [one["latency_a_us"], one["latency_b_us"], two["latency_a_us"]] == [20, 40, 40]
    assert (one["time"], one["entity"], one["label"]) == (START, "checkout", None)


def test_predictions_that_one_version_alone_answered_are_no_pairs(events: Database, record: Make) -> None:
    with PredictionLog(events, interval_s=60.0) as log:
        log.append(record("alone", time_s=START.timestamp()))

    assert _pairs(events) == []


def test_the_last_label_counts(events: Database, record: Make) -> None:
    _log(events, record, ("one", CHAMPION, 0.2, 0.7), ("two", CHAMPION, 0.2, 0.7), ("three", CHAMPION, 0.2, 0.7))
    for said in (
        Feedback(app="helios", task="anomaly", since=START, to=START + timedelta(seconds=1), label=1),
        Feedback(prediction_id="two", label=0),
    ):
        row = check_feedback(events, said, actor="t", now=END)
        with events.write() as connection:
            write_feedback(connection, [row])

    assert [pair["label"] for pair in _pairs(events)] == [1, 0, None]


def test_a_span_counts_from_its_beginning_to_before_its_end(events: Database, record: Make) -> None:
    _log(events, record, ("one", CHAMPION, 0.2, 0.7), ("two", CHAMPION, 0.2, 0.7), ("three", CHAMPION, 0.2, 0.7))
    # Received a tenth of a second after their event times.
    since, until = START + timedelta(seconds=1.1), START + timedelta(seconds=2.1)

    assert [pair["prediction_id"] for pair in _pairs(events, since=since, until=until)] == ["two"]


def test_a_report_says_how_often_they_agree_and_how_far_scores_move(events: Database, record: Make) -> None:
    _log(events, record, ("one", CHAMPION, 0.2, 0.7), ("two", CHAMPION, 0.6, 0.7), ("three", CHALLENGER, 0.6, 0.9))
    minutes = ServiceMinutes()
    minutes.add("helios", "anomaly", CHALLENGER, at_s=START.timestamp(), each=Served(n_shadow_failed=1), n=2)
    with events.write() as connection:
        write_minutes(connection, minutes.take())

    told = shadow_report(events, "helios", "anomaly", version=CHALLENGER, since=START, until=END)
    assert (told.n, told.n_failed, told.agreement) == (2, 2, 0.5)
    assert told.score_shift == pytest.approx(0.3)
    assert told.score_spread == pytest.approx(0.2)
    assert (told.mean_ms, told.p99_ms, told.decided_mean_ms) == (0.02, 0.02, 0.04)


def test_of_nothing_a_report_says_nothing(events: Database) -> None:
    told = shadow_report(events, "helios", "anomaly", version=CHALLENGER, since=START, until=END)

    assert told == ShadowReport(version=CHALLENGER, n=0, n_failed=0)


def test_choices_agree_where_the_choice_is_the_same(events: Database, record: Make) -> None:
    answers = [
        ChoiceAnswer(choice=choice, costs={"x": cost, "y": 2.0}, unit="cents", context="row")
        for choice, cost in (("x", 1.0), ("x", 1.5), ("y", 3.0))
    ]
    made = record("x", time_s=START.timestamp())
    with PredictionLog(events, interval_s=60.0) as log:
        for prediction_id in ("same", "other"):
            log.append((_served(CHAMPION, "champion"), prediction_id, *made[2:5], answers[0], *made[6:]))
    with events.write() as connection:
        write_shadows(
            connection,
            [
                (_served(CHALLENGER), prediction_id, answer, 20e-6, made[7])
                for prediction_id, answer in zip(("same", "other"), answers[1:], strict=True)
            ],
        )

    told = shadow_report(events, "helios", "anomaly", version=CHALLENGER, since=START, until=END)
    assert (told.agreement, told.score_shift, told.score_spread) == (0.5, None, None)
    stored = msgspec.json.decode(events.fetch("SELECT answer FROM shadow WHERE prediction_id = 'same'")[0][0])
    assert stored["costs"] == {"x": 1.5, "y": 2.0}
