"""The versions that serve, and how a promotion reaches them without a restart."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from time import monotonic

import structlog
from sqlalchemy.exc import DatabaseError

from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.models.rank_runtime import RankRuntime
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.monitor.prediction_ids import prediction_ids
from telltale.monitor.prediction_log import PredictionLog, ServedVersion
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.serve.live.alarm_board import AlarmBoard
from telltale.serve.live.event_match import check_event
from telltale.serve.live.live_task import Live, LiveQueries, LiveTask, Place
from telltale.serve.live.stored_windows import StoredWindows
from telltale.serve.predict.answers import shape_of
from telltale.serve.predict.bodies import BodyReader
from telltale.serve.predict.query_bodies import QueryReader
from telltale.storage.database import Database

_logger = structlog.get_logger("telltale.serve.live.live_versions")


class LiveVersions:
    """The champion of each task, loaded; looked after by a thread once `start` was called.

    A new champion is loaded and tested beside the old one, then put in its place by one assignment. One that cannot be
    loaded leaves the old one serving, raises the alarm `version_not_loaded`, and is tried again: a file that was restored
    needs no promotion. A registry that is gone leaves everything serving as it is.

    Args:
        registry: who is champion.
        alarms: raised and resolved by it.
        apps: whose tasks are served.
        log: where answers are kept.
        events: where windows are read from.
        interval_s: how often the registry is asked whether anything moved.
        retry_s: how long after it failed a version is tried again, and at least ten times as long as the trial took.
        thresholds: operators' thresholds by `app/task`, in place of the bundle's.
    """

    def __init__(
        self,
        registry: Registry,
        apps: Iterable[App],
        log: PredictionLog,
        events: Database,
        *,
        alarms: AlarmBoard,
        interval_s: float = 0.5,
        retry_s: float = 3.0,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self._tasks = {(app.name, task.name): (app, task) for app in apps for task in app.tasks}
        self.places = {address: Place(*address) for address in self._tasks}
        self._registry = registry
        self._log = log
        self._events = events
        self.is_loaded = False  # whether the registry was read once, and what it names was tried
        self.registry_fault = ""  # why the registry cannot be read, or ""
        self._alarms = alarms
        self._retry_at_s: dict[tuple[str, str], float] = {}
        self._retry_s = retry_s
        self._interval_s = interval_s
        self._thresholds = dict(thresholds or {})
        self._new_id = prediction_ids()
        self._generation = -1
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-versions", daemon=True)

    def start(self) -> None:
        """Load the champions, then keep watching."""
        self.refresh()
        self._thread.start()

    def close(self) -> None:
        """Stop watching; what is loaded goes on serving."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Take up what moved in the registry since the last look."""
        with self._turn:
            fault = self._look()
            if fault and not self.registry_fault:
                # In the log alone: where an alarm would be written is what is missing.
                mend = "What is served goes on; restore what is named, then restart the server if this lasts."
                _logger.error("registry_unreadable", what=fault, mend=mend)
            elif self.registry_fault and not fault:
                _logger.info("registry_readable")
            self.registry_fault = fault

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.refresh()

    def _look(self) -> str:
        """Take up moves, and try again what failed; why the registry cannot be read, or ""."""
        try:
            generation = self._registry.generation()
            for address, place in self.places.items():
                if generation != self._generation or self._retry_at_s.get(address, float("inf")) <= monotonic():
                    self._refresh_place(place)
        except (TelltaleError, DatabaseError, sqlite3.Error) as error:
            return str(error)
        self._generation = generation
        self.is_loaded = True
        return ""

    def _refresh_place(self, place: Place) -> None:
        app, task = place.app, place.task
        champion = self._registry.champion(app, task)
        serving = place.live.served.version if place.live is not None else None
        if champion is None and serving is not None and not self._registry.history(app, task):
            # A withdrawal stands in the ledger. There is none: the registry is not the one that this version came from.
            mend = f"Restore state.db from a backup, or promote a version: telltale promote {app}/{task}."
            self._fail(place, f"the registry does not know version {serving}, which goes on serving", mend)
            return
        if champion is None or champion.number == serving:
            if champion is None and serving is not None:
                place.live = None
                _logger.info("withdrawn", app=app, task=task, version=serving)
            self._succeed(place)
            return
        began_s = monotonic()
        try:
            live = self._load(champion)
        except Exception as error:  # whatever is wrong with a bundle, the old version must go on serving
            what = error.what if isinstance(error, TelltaleError) else f"{type(error).__name__}; the log has more"
            told = f"version {champion.number} cannot be loaded: {what}"
            if told != place.fault:
                _logger.exception("load_failed", version=champion.reference, serving=serving)
            mend = error.mend if isinstance(error, TelltaleError) else "Mend what the log says."
            mend = f"{mend} To go back: telltale rollback {app}/{task}. It is tried again every few seconds."
            self._fail(place, told, mend, took_s=monotonic() - began_s)
            return
        place.live = live
        self._succeed(place)
        _logger.info("serving", version=champion.reference, before=serving)

    def _succeed(self, place: Place) -> None:
        place.fault, place.mend = "", ""
        self._retry_at_s.pop((place.app, place.task), None)
        self._alarms.resolve("version_not_loaded", app=place.app, task=place.task)

    def _fail(self, place: Place, what: str, mend: str, *, took_s: float = 0.0) -> None:
        place.fault, place.mend = what, mend
        self._retry_at_s[place.app, place.task] = monotonic() + max(self._retry_s, 10 * took_s)
        self._alarms.raise_("version_not_loaded", app=place.app, task=place.task, what=what, mend=mend)

    def _load(self, version: Version) -> Live:
        threshold = self._thresholds.get(f"{version.app}/{version.task}")
        runtime = load_runtime(version.path, expected=version.files, threshold=threshold, where=version.reference)
        app, task = self._tasks[version.app, version.task]
        check_event(runtime.manifest, app, task, runtime.columns, where=version.reference)
        runtime.self_test()
        return live_task(task, version, runtime, log=self._log, events=self._events, new_id=self._new_id)


def live_task(
    task: Task,
    version: Version,
    runtime: LoadedRuntime,
    *,
    log: PredictionLog,
    events: Database,
    new_id: Callable[[], str],
) -> Live:
    """A loaded version, ready for requests."""
    served = ServedVersion(
        app=version.app,
        task=version.task,
        version=version.number,
        role=version.role,
        columns=runtime.columns,
    )
    schema, shape = runtime.manifest.event, shape_of(version.app, task)
    if isinstance(runtime, RankRuntime | ForecastRuntime):
        return LiveQueries(
            served=served,
            runtime=runtime,
            reader=QueryReader(schema, runtime.query),
            append=log.append,
            new_id=new_id,
            shape=shape,
        )
    plan = runtime.manifest.plan
    assert plan is not None  # without one it would not have loaded
    return LiveTask(
        served=served,
        runtime=runtime,
        event=schema,
        nullable=plan.nullable,
        reader=BodyReader(schema, runtime.columns, nullable=plan.nullable),
        windows=StoredWindows(
            events,
            version.app,
            schema.name,
            columns=runtime.columns,
            nullable=plan.nullable,
            n_rows=runtime.history + 1,
        ),
        interval_s=plan.interval_s,
        append=log.append,
        new_id=new_id,
        shape=shape,
    )
