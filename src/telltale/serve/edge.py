"""What is alive in a serving process, built once and handed down."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, time

import structlog
from prometheus_client import CollectorRegistry

from telltale.contract.answer import ScoreAnswer
from telltale.contract.app import App
from telltale.contract.errors import NotFoundError
from telltale.monitor.event_metrics import EventMetrics
from telltale.monitor.live_metrics import LiveMetrics
from telltale.monitor.prediction_log import PredictionLog, Record, ServedVersion
from telltale.monitor.service_minutes import Served, ServiceMinutes
from telltale.monitor.source_metrics import SourceMetrics
from telltale.monitor.state_metrics import StateMetrics
from telltale.registry.registry import Registry
from telltale.serve.app_references import load_apps
from telltale.serve.guard.guard import Guard
from telltale.serve.http.stopping import Stopping
from telltale.serve.http.tracing import Tracing, is_traced
from telltale.serve.intake.intake import Intake
from telltale.serve.live.alarm_board import AlarmBoard
from telltale.serve.live.live_task import Place
from telltale.serve.live.live_versions import LiveVersions
from telltale.serve.live.shadow_scorer import ShadowScorer
from telltale.serve.live.watch import Watch
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import Folder, open_folder

_logger = structlog.get_logger("telltale.serve.edge")


class Edge:
    """The open folder, the loaded versions, the queues in front of the tables.

    Args:
        settings: what the server was started with.
        folder: the open home.
        apps: whose tasks are served.
        clock: the time of receipt of requests (epoch seconds).
    """

    def __init__(
        self, settings: ServeSettings, folder: Folder, apps: Sequence[App], *, clock: Callable[[], float] = time
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.apps = {app.name: app for app in apps}
        self.guard = Guard(settings, folder.state, apps)
        self.metrics = LiveMetrics(CollectorRegistry())
        self.state_metrics = StateMetrics(folder.state)
        self.metrics.registry.register(self.state_metrics)
        self.event_metrics = EventMetrics(folder.events)
        self.metrics.registry.register(self.event_metrics)
        self.source_metrics = SourceMetrics(folder.path)
        self.metrics.registry.register(self.source_metrics)
        self.registry = Registry(folder.state, folder.artifacts)
        self.minutes = ServiceMinutes()
        self.log = PredictionLog(
            folder.events, interval_s=settings.flush_s, observe=self._observe, minutes=self.minutes
        )
        self.shadows = ShadowScorer(folder.events, self.minutes, count=self.metrics.count, flush_s=settings.flush_s)
        self.alarms = AlarmBoard(folder.state)
        self.versions = LiveVersions(
            self.registry,
            apps,
            self.log,
            folder.events,
            shadows=self.shadows,
            failed=self.count_failed,
            alarms=self.alarms,
            interval_s=settings.refresh_s,
            retry_s=settings.retry_s,
            thresholds=settings.thresholds,
            clock=clock,
        )
        self.intake = Intake(
            folder.events, max_requests=settings.max_intake_requests, max_bytes=settings.max_intake_bytes
        )
        self.watch = Watch(folder.events, self.log, self.alarms)
        self.stopping = Stopping(self.close)
        self.tracing = Tracing(os.environ) if is_traced(os.environ) else None
        self.started_s = monotonic()

    def start(self) -> None:
        """Load the champions and watch for promotions."""
        if self.guard.is_open:
            mend = "Set TELLTALE_OPERATOR_KEY, or make a key (telltale keys create), to ask for keys."
            _logger.warning("open_to_this_machine", mend=mend)
        self.guard.start()
        self.watch.start()
        self.versions.start()

    def close(self) -> None:
        """Write what waits and let go of everything."""
        self.guard.close()
        self.watch.close()
        self.versions.close()
        self.intake.close()
        self.shadows.close()
        self.log.close()
        self.folder.close()
        if self.tracing is not None:
            self.tracing.close()

    def place(self, app: str, task: str) -> Place:
        """Where a task is served. Raises NotFoundError."""
        try:
            return self.versions.places[app, task]
        except KeyError:
            known = ", ".join(f"{place.app}/{place.task}" for place in self.versions.places.values())
            raise NotFoundError(f"there is no task {app}/{task}", where="path", mend=f"There are: {known}.") from None

    def count_unlogged(self, served: ServedVersion, n: int) -> None:
        """Count answers that the prediction log has no rows of."""
        self.metrics.count(served, n)
        each = Served(n_answered=1, n_unlogged=1)
        self.minutes.add(served.app, served.task, served.version, at_s=time(), each=each, n=n)

    def count_failed(self, served: ServedVersion, n: int, at_s: float) -> None:
        """Count requests, received at a time (epoch seconds), that the server failed to answer."""
        self.minutes.add(served.app, served.task, served.version, at_s=at_s, each=Served(n_failed=1), n=n)
        self.metrics.count_failed(served, n)

    def _observe(self, records: Sequence[Record]) -> None:
        self.metrics.observe(records)
        # One line per flush and version in place of one per request, which would cost more than the answer.
        counts: dict[ServedVersion, tuple[int, int, float]] = {}
        for record in records:
            n, n_positive, seconds = counts.get(record[0], (0, 0, 0.0))
            is_positive = isinstance(record[5], ScoreAnswer) and record[5].decision
            counts[record[0]] = (n + 1, n_positive + is_positive, seconds + record[6])
        for served, (n, n_positive, seconds) in counts.items():
            _logger.info(
                "answered",
                app=served.app,
                task=served.task,
                version=served.version,
                role=served.role,
                n=n,
                n_positive=n_positive,
                mean_us=round(seconds / n * 1e6, 1),
            )


def open_edge(settings: ServeSettings) -> Edge:
    """Open the home and everything on it; nothing is loaded before `start`."""
    artifacts = Path(settings.artifacts) if settings.artifacts else None
    return Edge(
        settings,
        open_folder(Path(settings.home), artifacts=artifacts, database=settings.database),
        load_apps(settings.apps),
    )
