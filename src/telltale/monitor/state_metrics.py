"""Figures for Prometheus that stand in the state database: read when they are asked for, the same from every process."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DatabaseError

from telltale.contract.errors import TelltaleError
from telltale.monitor.presence import count_workers
from telltale.storage.database import Database

_LABELS: Final = ("app", "task", "version", "role")
_ALARMS: Final = "SELECT app, task, name FROM alarm WHERE resolved_us IS NULL"
# A version's row is there for ever, also once its files are removed: the count never falls.
_TRAININGS: Final = "SELECT app, task, count(*) FROM version GROUP BY app, task"
# Jobs are forgotten after a while; how many were is kept, since a counter that falls would be taken for a restart.
_JOBS: Final = """
    SELECT app, task, sum(n) FROM (
        SELECT app, task, count(*) AS n FROM job WHERE finished_us IS NOT NULL GROUP BY app, task
        UNION ALL
        SELECT app, task, n_jobs FROM job_tally
    ) AS ended GROUP BY app, task
"""
# Of jobs that are not forgotten yet (MODEL_RETENTION_DAYS): how trainings went, and what waits.
_STATES: Final = "SELECT app, task, state, count(*) FROM job GROUP BY app, task, state"
_CHAMPIONS: Final = """
    SELECT role.app, role.task, role.number, version.metrics FROM role JOIN version
    ON version.app = role.app AND version.task = role.task AND version.number = role.number WHERE role.role = 'champion'
"""
_ROLES: Final = "SELECT app, task, number, role FROM role"
_QUERIES: Final = (_ALARMS, _TRAININGS, _JOBS, _STATES, _CHAMPIONS, _ROLES)
_logger = structlog.get_logger("telltale.monitor.state_metrics")


class StateMetrics(Collector):
    """Alarms that last, versions trained, jobs by how they stand, roles and the champions' figures, in whatever process that was.

    A database that cannot be read leaves them out of the page; the other figures are not its fault.

    Args:
        state: the state database.
    """

    def __init__(self, state: Database) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """The families without figures: what a registry asks for when this is registered."""
        return self._families([()] * len(_QUERIES), None)

    def collect(self) -> Iterable[Metric]:
        """The families with what the database says now."""
        try:
            found = [self._state.fetch(query) for query in _QUERIES]
            n_workers = count_workers(self._state, now=datetime.now(UTC))
        except (TelltaleError, DatabaseError) as error:
            _logger.warning("state_metrics_left_out", error=str(error))
            return ()
        return self._families(found, n_workers)

    def _families(self, found: Sequence[Sequence[Sequence[Any]]], n_workers: int | None) -> Iterator[Metric]:
        alarms, trainings, jobs, states, champions, roles = found
        active = GaugeMetricFamily("telltale_alarm_active", "Alarms that last", labels=("app", "task", "name"))
        for app, task, name in alarms:
            active.add_metric((app, task, name), 1.0)
        yield active
        for name, told, rows in (
            ("telltale_training", "Versions trained, whatever the gate said", trainings),
            ("telltale_job", "Jobs ended: done, failed or skipped", jobs),
        ):
            family = CounterMetricFamily(name, told, labels=_LABELS)
            for app, task, n in rows:
                family.add_metric((app, task, "", ""), float(n))  # of no one version, in no role
            yield family
        standing = GaugeMetricFamily(
            "telltale_jobs", "Jobs by how they stand, of those not forgotten yet", labels=("app", "task", "state")
        )
        for app, task, state, n in states:
            standing.add_metric((app, task, state), float(n))
        yield standing
        figures = GaugeMetricFamily(
            "telltale_champion_figure",
            "Figures of the version in production, on rows held out of its training",
            labels=("app", "task", "version", "metric"),
        )
        for app, task, number, metrics in champions:
            for name, value in msgspec.json.decode(metrics, type=dict[str, float | None]).items():
                if value is not None:
                    figures.add_metric((app, task, str(number), name), value)
        yield figures
        holds = GaugeMetricFamily("telltale_version_role", "1 for the role that a version has", labels=_LABELS)
        for app, task, number, role in roles:
            holds.add_metric((app, task, str(number), role), 1.0)
        yield holds
        yield GaugeMetricFamily("telltale_workers", "Workers that gave a sign of life lately", value=n_workers)
