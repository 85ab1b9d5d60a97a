"""Figures for Prometheus that stand in the state database: read when they are asked for, the same from every process."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DatabaseError

from telltale.contract.errors import TelltaleError
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
    ) GROUP BY app, task
"""
# Of jobs that are not forgotten yet (MODEL_RETENTION_DAYS): how trainings went, and what waits.
_STATES: Final = "SELECT app, task, state, count(*) FROM job GROUP BY app, task, state"
_CHAMPIONS: Final = """
    SELECT role.app, role.task, role.number, version.metrics FROM role JOIN version
    ON version.app = role.app AND version.task = role.task AND version.number = role.number WHERE role.role = 'champion'
"""
_QUERIES: Final = (_ALARMS, _TRAININGS, _JOBS, _STATES, _CHAMPIONS)
_logger = structlog.get_logger("telltale.monitor.state_metrics")


class StateMetrics(Collector):
    """Alarms that last, versions trained, jobs by how they stand, and the champions' figures, in whatever process that was.

    A database that cannot be read leaves them out of the page; the other figures are not its fault.

    Args:
        state: the state database.
    """

    def __init__(self, state: Database) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """The families without figures: what a registry asks for when this is registered."""
        return self._families((), (), (), (), ())

    def collect(self) -> Iterable[Metric]:
        """The families with what the database says now."""
        try:
            found = [self._state.fetch(query) for query in _QUERIES]
        except (TelltaleError, DatabaseError) as error:
            _logger.warning("state_metrics_left_out", error=str(error))
            return ()
        return self._families(*found)

    def _families(
        self,
        alarms: Sequence[Sequence[Any]],
        trainings: Sequence[Sequence[Any]],
        jobs: Sequence[Sequence[Any]],
        states: Sequence[Sequence[Any]],
        champions: Sequence[Sequence[Any]],
    ) -> Iterator[Metric]:
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
