"""The worker: does what is due, once per slot however many processes there are, and tells how it went."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog

from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError, UnavailableError
from telltale.registry.registry import Registry
from telltale.retrain.apart import Apart, CutShort, JobOrder, retrain_apart
from telltale.retrain.cron import due_slot
from telltale.retrain.duties import Desk, start_duties
from telltale.retrain.duty_list import DUTIES
from telltale.retrain.job_hold import holding, this_worker
from telltale.retrain.job_turns import begin_job, claim_job, fail_abandoned_jobs, finish_job, put_back_job, retry_job
from telltale.retrain.jobs import BY_HAND, Ended, Job, forget_jobs
from telltale.retrain.retraining import Retraining, retrain
from telltale.retrain.schedules import declare_schedules, read_schedules
from telltale.retrain.slots import ACTOR as SCHEDULE
from telltale.retrain.slots import close_slots, open_slot
from telltale.retrain.triggers import ACTOR as TRIGGER
from telltale.storage.folder import Folder
from telltale.telemetry.backend.kept import drop_old
from telltale.telemetry.event_store import EventStore

_TIDY_EVERY_S = 3_600.0
_DUTIES_END_S: Final = 10.0  # what a duty is in the middle of; it does no harm cut short
_ENDED: Final[Mapping[str, Ended]] = {"failed": "failed", "skip": "skipped"}  # any other action is work done
_RULES: Final = frozenset({SCHEDULE, TRIGGER})  # who asks without a person's having thought of it

_logger = structlog.get_logger("telltale.retrain.worker")


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a process that does scheduled work holds on to.

    Args:
        folder: the home.
        apps: whose tasks are retrained.
        keep_versions, keep_days: versions kept per task, and for how long after they were made; jobs likewise.
        keep_event_days, keep_event_bytes: events kept; labelled ones stay.
        device: where networks are trained; "" for their own default.
        desk: what duties have at hand; None for no more than the home and the apps.
        apart: how retrainings are done in a process of their own, within limits; None to do them in this one.
    """

    folder: Folder
    apps: Mapping[str, App]
    keep_versions: int = 10
    keep_days: float = 30.0
    keep_event_days: float = 30.0
    keep_event_bytes: int = 10_000_000_000
    device: str = ""
    desk: Desk | None = None
    apart: Apart | None = None

    @property
    def registry(self) -> Registry:
        """The registry of the home."""
        return Registry(self.folder.state, self.folder.artifacts)

    def run(self, stop: threading.Event, *, poll_s: float = 5.0) -> None:
        """Look for due and queued work until told to stop; while the databases cannot be used it waits."""
        declare_schedules(self.folder.state, self.apps.values(), now=datetime.now(UTC))
        desk = self.desk or Desk(folder=self.folder, apps=self.apps)
        duties = start_duties(desk, DUTIES, stop)  # a rollback does not wait for a training
        try:
            self._look_for_work(stop, poll_s=poll_s)
        finally:
            stop.set()
            give_up_at = time.monotonic() + _DUTIES_END_S
            for thread in duties:
                thread.join(max(0.0, give_up_at - time.monotonic()))

    def _look_for_work(self, stop: threading.Event, *, poll_s: float) -> None:
        tidied_at = float("-inf")
        while True:
            try:
                self.run_due(now=datetime.now(UTC), stop=stop)
                if time.monotonic() - tidied_at > _TIDY_EVERY_S:
                    self.tidy(now=datetime.now(UTC))
                    tidied_at = time.monotonic()
            except UnavailableError as error:  # a full disk passes, and nobody would start the worker again
                _logger.warning("work_waits", why=str(error), mend="looked at again at the next poll")
            if stop.wait(poll_s):
                return

    def tidy(self, *, now: datetime) -> None:
        """Remove what retention says: old events without a label, copies of a backend's rows, files of old versions, ended jobs."""
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
        n_jobs = forget_jobs(self.folder.state, before=now - timedelta(days=self.keep_days))
        n_copies = drop_old(self.folder.path, before=now - timedelta(days=self.keep_event_days))
        _logger.info("tidied", events=msgspec.to_builtins(trimmed), versions=removed, jobs=n_jobs, copies=n_copies)

    def run_due(self, *, now: datetime, stop: threading.Event | None = None) -> list[Retraining]:
        """Ask for all that is due and not claimed by another process, and do all that is asked for."""
        for schedule in read_schedules(self.folder.state, self.apps.values()):
            if schedule.paused:
                continue
            due = due_slot(schedule.cron, since=schedule.last_slot or schedule.created_at, now=now)
            if due is not None:
                open_slot(self.folder.state, schedule, due, owner=this_worker(), now=now)
        return self.run_jobs(stop=stop)

    def run_jobs(self, *, stop: threading.Event | None = None) -> list[Retraining]:
        """Do all that is queued and not claimed by another process, and what was left by workers that are gone.

        Args:
            stop: set meanwhile, no further job is begun, and one that is done in a process of its own waits again.
        """
        state = self.folder.state
        for lost in fail_abandoned_jobs(state, now=datetime.now(UTC)):
            _logger.warning("job_abandoned", job=lost.id, app=lost.app, task=lost.task, state=lost.state)
        done: list[Retraining] = []
        while stop is None or not stop.is_set():
            job = claim_job(state, apps=self.apps, owner=this_worker(), now=datetime.now(UTC))
            if job is None:
                break
            found = self._work(job, unless_same=job.actor in _RULES, stop=stop)
            done += [] if found is None else [found]
        close_slots(state)
        return done

    def run_now(self, app: App, task: Task, *, actor: str, reason: str, priority: int = BY_HAND) -> Retraining:
        """Retrain at once, listed as a job; what goes wrong is in its result.

        Args:
            app: the app.
            task: the task.
            actor: who asks.
            reason: why.
            priority: as it is listed, and done again where this process dies in the middle of it.
        """
        owner = this_worker()
        now = datetime.now(UTC)
        state = self.folder.state
        job = begin_job(state, app.name, task.name, actor=actor, reason=reason, owner=owner, now=now, priority=priority)
        try:
            found = self._work(job)
        except KeyboardInterrupt:
            stopped = {"action": "failed", "reason": "stopped by hand"}
            finish_job(state, job.id, ended="failed", result=stopped, owner=owner, now=datetime.now(UTC))
            raise
        return found or Retraining(
            task=f"{app.name}/{task.name}", action="failed", reason="its process died; `telltale work` tries again"
        )

    def retrain(self, app: App, task: Task, *, actor: str = SCHEDULE, unless_same: bool = False) -> Retraining:
        """Retrain in this process, without a job: see `telltale.retrain.retraining.retrain`."""
        return retrain(self.folder, app, task, actor=actor, unless_same=unless_same, device=self.device)

    def _work(self, job: Job, *, unless_same: bool = False, stop: threading.Event | None = None) -> Retraining | None:
        """Do a job that this worker holds, and record how it ended; None where it is to be begun again."""
        state, owner = self.folder.state, this_worker()
        log = _logger.bind(app=job.app, task=job.task, job=job.id, actor=job.actor, attempt=job.attempt)
        log.info("retraining_started", why=job.reason)
        address = f"{job.app}/{job.task}"
        with holding(state, job.id, owner=owner):
            try:
                found = self._retrain(job, unless_same=unless_same, stop=stop)
            except TelltaleError as error:
                found = Retraining(task=address, action="failed", reason=str(error))
            except Exception as error:
                # The job must not stay "running", whatever went wrong, and the worker must go on with the next.
                log.exception("retraining_broke")
                found = Retraining(task=address, action="failed", reason=f"{type(error).__name__}; see the log")
        if isinstance(found, CutShort):
            log.warning("retraining_cut_short", kind=found.kind, why=found.why)
            if found.kind == "stopped":
                put_back_job(state, job, owner=owner)
                return None
            if found.kind == "died":
                again = retry_job(state, job, why=found.why, owner=owner, now=datetime.now(UTC))
                if again.state != "failed":
                    return None
            found = Retraining(task=address, action="failed", reason=found.why)
        result: dict[str, Any] = msgspec.to_builtins(found)
        ended = _ENDED.get(found.action, "done")
        now = datetime.now(UTC)
        if not finish_job(state, job.id, ended=ended, result=result, owner=owner, now=now, attempt=job.attempt):
            log.warning("job_was_given_up", mend="it took too long without a sign of life; its version stands")
        log.info("retraining_done", action=found.action, reason=found.reason, version=found.version)
        return found

    def _retrain(self, job: Job, *, unless_same: bool, stop: threading.Event | None) -> Retraining | CutShort:
        begun_at = job.created_at if job.attempt > 1 else None
        if self.apart is None:
            app = self.apps[job.app]
            return retrain(
                self.folder,
                app,
                app.task(job.task),
                actor=job.actor,
                unless_same=unless_same,
                begun_at=begun_at,
                device=self.device,
            )
        root = self.folder.artifacts.root
        order = JobOrder(
            parent=os.getpid(),
            home=str(self.folder.path),
            artifacts="" if root == self.folder.path / "artifacts" else str(root),
            database=self.folder.database,
            apps=self.apart.apps,
            app=job.app,
            task=job.task,
            actor=job.actor,
            unless_same=unless_same,
            begun_at=begun_at,
            device=self.device,
            log_level=self.apart.log_level,
        )
        return retrain_apart(self.apart, order, self.folder.artifacts, stop=stop)
