"""The worker: does what is due, once per slot however many processes there are, and tells how it went."""

import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import structlog

from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError
from telltale.models.bundle import load_bundle
from telltale.models.runtime import ScoreRuntime
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.retrain.comparison import Comparison, compare
from telltale.retrain.cron import latest_slot
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules
from telltale.retrain.stored_rows import stored_rows
from telltale.retrain.training import train_and_register
from telltale.storage.folder import Folder
from telltale.storage.leases import claim_slot, finish_slot
from telltale.telemetry.event_store import EventStore
from telltale.train.sources import rows_from_checked
from telltale.train.version import TrainingChoices

ACTOR = "schedule"
_TIDY_EVERY_S = 3_600.0

_logger = structlog.get_logger("telltale.retrain.worker")


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """How a retraining ended: the new version, and what became of it; or why there is none."""

    action: str
    reason: str
    version: int | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a process that does scheduled work holds on to.

    Args:
        folder: the home.
        apps: whose tasks are retrained.
        keep_versions, keep_days: versions kept per task, and for how long after they were made.
        keep_event_days, keep_event_bytes: events kept; labelled ones stay.
    """

    folder: Folder
    apps: Mapping[str, App]
    keep_versions: int = 10
    keep_days: float = 30.0
    keep_event_days: float = 30.0
    keep_event_bytes: int = 10_000_000_000

    @property
    def registry(self) -> Registry:
        """The registry of the home."""
        return Registry(self.folder.state, self.folder.artifacts)

    def run(self, stop: threading.Event, *, poll_s: float = 5.0) -> None:
        """Look for due work until told to stop."""
        declare_schedules(self.folder.state, self.apps.values(), now=datetime.now(UTC))
        tidied_at = float("-inf")
        while True:
            self.run_due(now=datetime.now(UTC))
            if time.monotonic() - tidied_at > _TIDY_EVERY_S:
                self.tidy(now=datetime.now(UTC))
                tidied_at = time.monotonic()
            if stop.wait(poll_s):
                return

    def tidy(self, *, now: datetime) -> None:
        """Remove what retention says: old events that carry no label, and the files of old versions that are not live."""
        trimmed = EventStore(self.folder.events).trim(
            max_age_days=self.keep_event_days, max_bytes=self.keep_event_bytes, now=now
        )
        removed = [
            version.reference
            for app in self.apps.values()
            for task in app.tasks
            for version in self.registry.sweep(
                app.name, task.name, keep=self.keep_versions, max_age_days=self.keep_days, now=now
            )
        ]
        _logger.info("tidied", events=msgspec.to_builtins(trimmed), versions=removed)

    def run_due(self, *, now: datetime) -> list[Retraining]:
        """Do all that is due and not claimed by another process."""
        done = []
        for schedule in read_schedules(self.folder.state):
            if schedule.paused or schedule.app not in self.apps:
                continue
            since = schedule.last_slot or schedule.created_at
            at = latest_slot(schedule.cron, since=since, now=now)
            if at is not None:
                found = self._run_slot(schedule, at)
                done += [found] if found is not None else []
        return done

    def retrain(self, app: App, task: Task, *, actor: str = ACTOR) -> Retraining:
        """Train on the stored events, compare with the champion on the same held-out rows, act on the outcome.

        Nothing is trained on simulated rows here: nobody is there to notice.
        """
        checked = stored_rows(self.folder.events, app, task)
        if checked is None:
            n = EventStore(self.folder.events).count(app.name, task.event)
            return Retraining(action="skip", reason=f"{n} events are stored; {task.minimum_rows} are needed")
        rows = rows_from_checked("store", checked, where=f"{app.name}/{task.event}")
        trained = train_and_register(
            self.registry, app, task, rows, TrainingChoices(), actor=actor, progress=lambda *_: None
        )
        champion = self.registry.champion(app.name, task.name)
        challenger = _runtime(trained.version)
        challenger.self_test()
        found = compare(
            task,
            challenger,
            trained.version.outcome,
            None if champion is None else _runtime(champion),
            rows.held_out,
        )
        if found.action == "promote":
            now = datetime.now(UTC)
            number = trained.version.number
            self.registry.promote(app.name, task.name, number, actor=actor, reason=found.reason, now=now)
        return Retraining(action=found.action, reason=found.reason, version=trained.version.number, comparison=found)

    def _run_slot(self, schedule: Schedule, at: datetime) -> Retraining | None:
        owner = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        app, state = self.apps[schedule.app], self.folder.state
        if not claim_slot(state, schedule.app, schedule.task, at=at, owner=owner):
            return None
        log = _logger.bind(app=schedule.app, task=schedule.task, slot=at.isoformat())
        log.info("retraining_started")
        try:
            found = self.retrain(app, app.task(schedule.task))
        except TelltaleError as error:
            found = Retraining(action="failed", reason=str(error))
        except Exception as error:
            # The slot must not stay claimed for ever, whatever went wrong; the next slot tries again.
            log.exception("retraining_broke")
            found = Retraining(action="failed", reason=f"{type(error).__name__}; see the log")
        finish_slot(
            state,
            schedule.app,
            schedule.task,
            at=at,
            owner=owner,
            state="failed" if found.action == "failed" else "done",
            result=msgspec.to_builtins(found),
        )
        log.info("retraining_done", action=found.action, reason=found.reason, version=found.version)
        return found


def _runtime(version: Version) -> ScoreRuntime:
    return ScoreRuntime(load_bundle(version.path, expected=version.files))
