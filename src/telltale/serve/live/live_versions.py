"""The versions that serve, and how a promotion reaches them without a restart."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog
from sqlalchemy.exc import OperationalError

from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError, UnavailableError
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.models.rank_runtime import RankRuntime
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.monitor.prediction_ids import prediction_ids
from telltale.monitor.prediction_log import PredictionLog, ServedVersion
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
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
    loaded leaves the old one serving, and the log and `/health` say why.

    Args:
        registry: who is champion.
        apps: whose tasks are served.
        log: where answers are kept.
        events: where windows are read from.
        interval_s: how often the registry is asked whether anything moved.
        thresholds: operators' thresholds by `app/task`, in place of the bundle's.
    """

    def __init__(
        self,
        registry: Registry,
        apps: Iterable[App],
        log: PredictionLog,
        events: Database,
        *,
        interval_s: float = 0.5,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self._tasks = {(app.name, task.name): task for app in apps for task in app.tasks}
        self.places = {address: Place(*address) for address in self._tasks}
        self._registry = registry
        self._log = log
        self._events = events
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
            generation = self._registry.generation()
            if generation == self._generation:
                return
            for place in self.places.values():
                self._refresh_place(place)
            self._generation = generation

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            # The database may be locked for a moment; the next look is half a second away.
            with suppress(UnavailableError, OperationalError):
                self.refresh()

    def _refresh_place(self, place: Place) -> None:
        champion = self._registry.champion(place.app, place.task)
        serving = place.live.served.version if place.live is not None else None
        if champion is None:
            if serving is not None:
                _logger.info("withdrawn", app=place.app, task=place.task, version=serving)
            place.live, place.fault = None, ""
            return
        if champion.number == serving:
            place.fault = ""
            return
        try:
            live = self._load(champion)
        except Exception as error:  # whatever is wrong with a bundle, the old version must go on serving
            what = error.what if isinstance(error, TelltaleError) else type(error).__name__
            place.fault = f"version {champion.number} cannot be loaded: {what}"
            _logger.exception("load_failed", version=champion.reference, serving=serving)
            return
        place.live, place.fault = live, ""
        _logger.info("serving", version=champion.reference, before=serving)

    def _load(self, version: Version) -> Live:
        threshold = self._thresholds.get(f"{version.app}/{version.task}")
        runtime = load_runtime(version.path, expected=version.files, threshold=threshold, where=version.reference)
        runtime.self_test()
        task = self._tasks[version.app, version.task]
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
