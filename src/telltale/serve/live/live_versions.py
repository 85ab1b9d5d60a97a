"""The versions that serve, and how a promotion reaches them without a restart."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from time import monotonic, time

import msgspec
import structlog
from sqlalchemy.exc import DatabaseError

from telltale.contract.app import App
from telltale.contract.errors import TelltaleError
from telltale.contract.kinds import LEARNING_KINDS
from telltale.models.runtimes import load_runtime
from telltale.monitor.prediction_ids import prediction_ids
from telltale.monitor.prediction_log import PredictionLog
from telltale.registry.assignment import missing_columns
from telltale.registry.registry import Registry
from telltale.registry.standing import Standing
from telltale.registry.versions import Version
from telltale.serve.live.alarm_board import AlarmBoard
from telltale.serve.live.event_match import check_event
from telltale.serve.live.learned_state import LearnedState
from telltale.serve.live.live_task import Failed, Live, Place
from telltale.serve.live.loaded import Loaded, Sinks, live_of
from telltale.serve.live.rivals import beside, stands_beside
from telltale.serve.live.shadow_scorer import ShadowScorer
from telltale.storage.database import Database

_logger = structlog.get_logger("telltale.serve.live.live_versions")


class LiveVersions:
    """The champion of each task, and the version beside it, loaded; looked after by a thread once `start` was called.

    A new version is loaded and tested beside the old one, then put in its place by one assignment, as is a step of a
    release. A champion that cannot be loaded leaves the old one serving, alone; a version beside it that cannot be leaves
    the champion alone. Either raises the alarm `version_not_loaded`, and is tried again: a file that was restored needs no
    promotion. A registry that is gone leaves everything serving as it is.

    Args:
        registry: who is champion, and what is released.
        alarms: raised and resolved by it.
        apps: whose tasks are served.
        log: where answers are kept.
        events: where windows are read from.
        shadows: answer what they do not decide.
        failed: counts requests that the server failed.
        interval_s: how often the registry is asked whether anything moved.
        retry_s: how long after it failed a version is tried again, and at least ten times as long as the trial took.
        thresholds: operators' thresholds by `app/task`, in place of the bundle's.
        clock: the time of receipt of requests (epoch seconds).
    """

    def __init__(
        self,
        registry: Registry,
        apps: Iterable[App],
        log: PredictionLog,
        events: Database,
        *,
        shadows: ShadowScorer,
        failed: Failed,
        alarms: AlarmBoard,
        interval_s: float = 0.5,
        retry_s: float = 3.0,
        thresholds: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._tasks = {(app.name, task.name): (app, task) for app in apps for task in app.tasks}
        self.places = {address: Place(*address, failed=failed) for address in self._tasks}
        self._registry = registry
        self._shadows = shadows
        self._sinks = Sinks(events=events, append=log.append, failed=failed, new_id=prediction_ids(), clock=clock)
        self._loaded: dict[tuple[str, str], list[Loaded]] = {}  # of each task: the champion, and what is beside it
        self.is_loaded = False  # whether the registry was read once, and what it names was tried
        self.registry_fault = ""  # why the registry cannot be read, or ""
        self._alarms = alarms
        self._retry_at_s: dict[tuple[str, str], float] = {}
        self._retry_s = retry_s
        self._interval_s = interval_s
        self._thresholds = dict(thresholds or {})
        self._learned = LearnedState(events)
        self._learning = [
            place for address, place in self.places.items() if self._tasks[address][1].kind in LEARNING_KINDS
        ]
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
            if self._learning:
                self._learned.look()
                for place in self._learning:
                    self._take_learned(place)
            for address, place in self.places.items():
                if generation != self._generation or self._retry_at_s.get(address, float("inf")) <= monotonic():
                    self._refresh_place(place)
        except (TelltaleError, DatabaseError, sqlite3.Error) as error:
            return str(error)
        self._generation = generation
        self.is_loaded = True
        return ""

    def _take_learned(self, place: Place) -> None:
        """Put a newer step of what a version learned in its place, whoever stands beside it."""
        before = self._loaded.get((place.app, place.task), [])
        after = [self._learned.newer(one) or one for one in before]
        if any(one is not was for one, was in zip(after, before, strict=True)):
            self._loaded[place.app, place.task] = after
            self._refresh_place(place)

    def _refresh_place(self, place: Place) -> None:
        app, task = place.app, place.task
        standing = self._registry.standing(app, task)
        serving = place.live.served.version if place.live is not None else None
        if standing.champion is None:
            if serving is not None and not self._registry.history(app, task):
                # A withdrawal stands in the ledger. There is none: this version came from another registry.
                mend = f"Restore state.db from a backup, or promote a version: telltale promote {app}/{task}."
                self._fail(place, f"the registry does not know version {serving}, which goes on serving", mend)
                return
            if serving is not None:
                _logger.info("withdrawn", app=app, task=task, version=serving)
            self._put(place, None, [])
            self._succeed(place)
            return
        champion = self._take(place, standing.champion)
        if champion is None:
            if place.live is not None and place.live.rival is not None:
                # What stood beside it did so in a release that is over.
                place.live = msgspec.structs.replace(place.live, rival=None)
            return
        if serving != champion.number:
            # At once: what is to stand beside it may take long to load.
            place.live = champion.live
            manifest = champion.runtime.manifest
            _logger.info(
                "serving",
                version=standing.champion.reference,
                before=serving,
                path=str(standing.champion.path),
                estimator=manifest.estimator,
                parameters=manifest.parameters,
            )
        self._refresh_rival(place, standing, champion)

    def _refresh_rival(self, place: Place, standing: Standing, champion: Loaded) -> None:
        """What stands beside a champion that serves."""
        if standing.rival is None or standing.release is None:
            self._put(place, champion.live, [champion])
            self._succeed(place)
            return
        rival = self._take(place, standing.rival, is_rival=True)
        if rival is None:
            self._put(place, champion.live, [champion])
            return
        missing = missing_columns(champion.runtime.manifest, rival.runtime.manifest)
        if missing:
            self._put(place, champion.live, [champion, rival])
            if standing.release.state == "watching":
                # The new champion reads less than its predecessor: that cannot be its shadow, and nothing is wrong.
                self._succeed(place)
                return
            what = f"version {rival.number} cannot stand beside version {champion.number}: requests need not carry"
            mend = f"Stop the release: telltale release {place.app}/{place.task} --stop."
            self._fail(place, f"{what} {list(missing)}, which it needs", mend, is_rivals=True)
            return
        if not stands_beside(place.live, champion, rival, standing.release):
            before = None if place.live is None or place.live.rival is None else place.live.rival
            live = beside(champion.live, rival.live, standing.release, offer=self._shadows.offer)
            self._shadows.start()
            self._put(place, live, [champion, rival])
            if before is None or before.percent != standing.release.percent:
                _logger.info("beside", version=standing.rival.reference, percent=standing.release.percent)
        self._succeed(place)

    def _put(self, place: Place, live: Live | None, loaded: list[Loaded]) -> None:
        place.live = live
        self._loaded[place.app, place.task] = loaded

    def _take(self, place: Place, version: Version, *, is_rival: bool = False) -> Loaded | None:
        """A version in its role, loaded if it is not yet; None, told as a fault, where it cannot be."""
        began_s = monotonic()
        try:
            for one in self._loaded.get((place.app, place.task), ()):
                if one.number == version.number:
                    return one.in_role(version.role)
            return self._load(version)
        except Exception as error:  # whatever is wrong with a bundle, what serves must go on serving
            what = error.what if isinstance(error, TelltaleError) else f"{type(error).__name__}; the log has more"
            told = f"version {version.number} cannot be loaded: {what}"
            if told not in {place.fault, place.rival_fault}:
                serving = place.live.served.version if place.live is not None else None
                _logger.exception("load_failed", version=version.reference, serving=serving)
            mend = error.mend if isinstance(error, TelltaleError) else "Mend what the log says."
            address = f"{place.app}/{place.task}"
            back = f"telltale release {address} --stop" if is_rival else f"telltale rollback {address}"
            mend = f"{mend} To go back: {back}. It is tried again every few seconds."
            self._fail(place, told, mend, took_s=monotonic() - began_s, is_rivals=is_rival)
            return None

    def _succeed(self, place: Place) -> None:
        place.fault, place.rival_fault, place.mend = "", "", ""
        self._retry_at_s.pop((place.app, place.task), None)
        self._alarms.resolve("version_not_loaded", app=place.app, task=place.task)

    def _fail(self, place: Place, what: str, mend: str, *, took_s: float = 0.0, is_rivals: bool = False) -> None:
        place.fault, place.rival_fault, place.mend = "" if is_rivals else what, what if is_rivals else "", mend
        self._retry_at_s[place.app, place.task] = monotonic() + max(self._retry_s, 10 * took_s)
        self._alarms.raise_("version_not_loaded", app=place.app, task=place.task, what=what, mend=mend)

    def _load(self, version: Version) -> Loaded:
        threshold = self._thresholds.get(f"{version.app}/{version.task}")
        runtime = load_runtime(version.path, expected=version.files, threshold=threshold, where=version.reference)
        app, task = self._tasks[version.app, version.task]
        check_event(runtime.manifest, app, task, runtime.columns, where=version.reference)
        runtime.self_test()
        loaded = Loaded(
            number=version.number,
            runtime=runtime,
            live=live_of(task, version, runtime, self._sinks),
            trained=runtime if task.kind in LEARNING_KINDS else None,  # type: ignore[arg-type]  # its kind says so
        )
        return (self._learned.newer(loaded) or loaded) if task.kind in LEARNING_KINDS else loaded
