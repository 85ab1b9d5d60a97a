"""Figures for Prometheus that stand in the events database: what drifted, and what labels say; the same from every process."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DatabaseError

from telltale.contract.errors import TelltaleError
from telltale.monitor.drift.decide import Drift
from telltale.monitor.drift.rule import mean_psi
from telltale.storage.database import Database

_NEWEST_LOOKS: Final = """
    SELECT app, task, version, drifted, document FROM drift_finding
    WHERE id IN (SELECT max(id) FROM drift_finding GROUP BY app, task)
"""
# Bounded, since it is asked at every scrape. Of several labels of a prediction the last one said counts, as in reports.
N_NEWEST: Final = 5_000
_LABELLED: Final = """
    SELECT p.app, p.task, p.version, p.decision, f.label, count(*) FROM (
        SELECT max(newest.id) AS id FROM (
            SELECT id, prediction_id FROM feedback WHERE prediction_id IS NOT NULL ORDER BY id DESC LIMIT ?
        ) AS newest GROUP BY newest.prediction_id
    ) AS said
    JOIN feedback f ON f.id = said.id JOIN prediction p ON p.id = f.prediction_id
    GROUP BY p.app, p.task, p.version, p.decision, f.label
"""
_logger = structlog.get_logger("telltale.monitor.event_metrics")


class EventMetrics(Collector):
    """Each task's newest look at drift, and the newest labelled answers by what was decided and what was true.

    A database that cannot be read leaves them out of the page; the other figures are not its fault.

    Args:
        events: the events database.
    """

    def __init__(self, events: Database) -> None:
        self._events = events

    def describe(self) -> Iterable[Metric]:
        """The families without figures: what a registry asks for when this is registered."""
        return _families((), ())

    def collect(self) -> Iterable[Metric]:
        """The families with what the database says now."""
        try:
            looks = self._events.fetch(_NEWEST_LOOKS)
            labelled = self._events.fetch(_LABELLED, (N_NEWEST,))
        except (TelltaleError, DatabaseError) as error:
            _logger.warning("event_metrics_left_out", error=str(error))
            return ()
        return _families(looks, labelled)


def _families(looks: Sequence[Sequence[Any]], labelled: Sequence[Sequence[Any]]) -> Iterator[Metric]:
    drifted = GaugeMetricFamily(
        "telltale_drifted",
        "1 where the newest look at a version's requests says that they have drifted",
        labels=("app", "task", "version"),
    )
    mean = GaugeMetricFamily(
        "telltale_drift_mean_psi",
        "Mean PSI over features in that look; it tells how much moved, and decides nothing",
        labels=("app", "task", "version"),
    )
    shift = GaugeMetricFamily(
        "telltale_drift_shift",
        "How far a feature moved in that look, in standard deviations",
        labels=("app", "task", "version", "feature"),
    )
    for app, task, version, has_drifted, document in looks:
        labels, drift = (app, task, str(version)), msgspec.json.decode(document, type=Drift)
        if has_drifted is not None:
            drifted.add_metric(labels, float(has_drifted))
        if (psi := mean_psi(drift)) is not None:
            mean.add_metric(labels, psi)
        for feature in drift.features:
            if feature.shift is not None:
                shift.add_metric((*labels, feature.name), feature.shift)
    answers = GaugeMetricFamily(
        "telltale_labelled_answers",
        f"Answers with a label by prediction id, of the newest {N_NEWEST} labels",
        labels=("app", "task", "version", "decision", "label"),
    )
    for app, task, version, decision, label, n in labelled:
        told = "" if decision is None else str(bool(decision)).lower()
        answers.add_metric((app, task, str(version), told, str(label)), float(n))
    yield from (drifted, mean, shift, answers)
