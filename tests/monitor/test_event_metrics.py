from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.findings import Finding, keep_finding
from telltale.monitor.event_metrics import N_NEWEST, EventMetrics
from telltale.monitor.feedback import FeedbackRow, write_feedback
from telltale.monitor.prediction_log import Record, write_predictions
from telltale.storage.database import Database

NOW = datetime(2024, 12, 1, tzinfo=UTC)
OF_3 = 'app="helios",task="anomaly",version="3"'


def _page(events: Database) -> list[str]:
    registry = CollectorRegistry()
    registry.register(EventMetrics(events))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def _look(events: Database, *, version: int, drifted: bool | None, at: datetime) -> None:
    features = (
        FeatureDrift(name="a", drifted=drifted, shift=1.5, psi=0.4, n=100, n_missing=0),
        FeatureDrift(name="b", drifted=None, psi=0.2, n=100, n_missing=0),
    )
    drift = Drift(drifted=drifted, level=0.01, features=features, n_rows=100, n_reference=1000)
    keep_finding(events, Finding(app="helios", task="anomaly", version=version, at=at, drifted=drifted, drift=drift))


def test_of_several_looks_at_drift_the_newest_is_shown(events: Database) -> None:
    _look(events, version=2, drifted=True, at=NOW)
    _look(events, version=3, drifted=False, at=NOW + timedelta(hours=1))

    assert _page(events) == [
        f"telltale_drifted{{{OF_3}}} 0.0",
        f"telltale_drift_mean_psi{{{OF_3}}} {(0.4 + 0.2) / 2}",
        'telltale_drift_shift{app="helios",feature="a",task="anomaly",version="3"} 1.5',
    ]


def test_where_nothing_could_be_decided_nothing_is_said_of_it(events: Database) -> None:
    _look(events, version=3, drifted=None, at=NOW)

    assert not any(line.startswith("telltale_drifted") for line in _page(events))


def _answer(events: Database, records: Sequence[Record]) -> None:
    with events.write() as connection:
        write_predictions(connection, records)


def _say(events: Database, *said: tuple[str, int]) -> None:
    rows = [
        FeedbackRow(
            app="helios",
            task="anomaly",
            prediction_id=prediction_id,
            entity=None,
            from_us=None,
            to_us=None,
            label=label,
            actor="t",
            at_us=0,
        )
        for prediction_id, label in said
    ]
    with events.write() as connection:
        write_feedback(connection, rows)


def test_labelled_answers_are_counted_by_what_was_decided_and_what_was_true(
    events: Database, record: Callable[..., Record]
) -> None:
    _answer(events, [record(f"p{i}", score=0.9 if i < 3 else 0.1) for i in range(5)])
    _say(events, ("p0", 1), ("p1", 1), ("p2", 0), ("p3", 0), ("gone", 1))

    assert set(_page(events)) == {
        'telltale_labelled_answers{app="helios",decision="true",label="1",task="anomaly",version="3"} 2.0',
        'telltale_labelled_answers{app="helios",decision="true",label="0",task="anomaly",version="3"} 1.0',
        'telltale_labelled_answers{app="helios",decision="false",label="0",task="anomaly",version="3"} 1.0',
    }


def test_of_several_labels_of_an_answer_the_last_one_said_counts(
    events: Database, record: Callable[..., Record]
) -> None:
    _answer(events, [record("p0", score=0.9)])
    _say(events, ("p0", 1), ("p0", 0))

    assert _page(events) == [
        'telltale_labelled_answers{app="helios",decision="true",label="0",task="anomaly",version="3"} 1.0'
    ]


def test_what_a_scrape_costs_is_bounded(events: Database, record: Callable[..., Record]) -> None:
    _answer(events, [record(f"p{i}", score=0.9) for i in range(N_NEWEST + 100)])
    _say(events, *((f"p{i}", 1) for i in range(N_NEWEST + 100)))

    (line,) = _page(events)
    assert line.endswith(f" {N_NEWEST}.0")


def test_a_database_that_is_gone_leaves_its_figures_out(events: Database, tmp_path: Path) -> None:
    collector = EventMetrics(events)
    assert len(list(collector.collect())) == len(list(collector.describe()))

    (tmp_path / "events.db").rename(tmp_path / "elsewhere.db")

    assert list(collector.collect()) == []
