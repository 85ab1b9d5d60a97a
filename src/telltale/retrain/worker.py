"""The worker: does what is due, once per slot however many processes there are, and tells how it went."""

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
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.retrain.comparison import Comparison, compare
from telltale.retrain.cron import latest_slot
from telltale.retrain.job_hold import holding, this_worker
from telltale.retrain.jobs import Ended, Job, begin_job, claim_job, fail_abandoned_jobs, finish_job, forget_jobs
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules
from telltale.retrain.stored_rows import stored_rows, trained_already
from telltale.retrain.training import train_and_register
from telltale.storage.folder import Folder
from telltale.storage.leases import claim_slot, finish_slot
from telltale.telemetry.event_store import EventStore
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_from_checked

ACTOR = "schedule"
_TIDY_EVERY_S = 3_600.0
_ENDED: Final[Mapping[str, Ended]] = {"failed": "failed", "skip": "skipped"}  # any other action is work done

_logger = structlog.get_logger("telltale.retrain.worker")


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """How the retraining of `task` (`app/task`) ended: the new version, and what became of it; or why there is none."""

    task: str
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
        keep_versions, keep_days: versions kept per task, and for how long after they were made; jobs likewise.
        keep_event_days, keep_event_bytes: events kept; labelled ones stay.
        device: where networks are trained; "" for their own default.
    """

    folder: Folder
    apps: Mapping[str, App]
    keep_versions: int = 10
    keep_days: float = 30.0
    keep_event_days: float = 30.0
    keep_event_bytes: int = 10_000_000_000
    device: str = ""

    @property
    def registry(self) -> Registry:
        """The registry of the home."""
        return Registry(self.folder.state, self.folder.artifacts)

    def run(self, stop: threading.Event, *, poll_s: float = 5.0) -> None:
        """Look for due and queued work until told to stop; while the databases cannot be used it waits."""
        declare_schedules(self.folder.state, self.apps.values(), now=datetime.now(UTC))
        tidied_at = float("-inf")
        while True:
            try:
                self.run_due(now=datetime.now(UTC))
                self.run_jobs()
                if time.monotonic() - tidied_at > _TIDY_EVERY_S:
                    self.tidy(now=datetime.now(UTC))
                    tidied_at = time.monotonic()
            except UnavailableError as error:  # a full disk passes, and nobody would start the worker again
                _logger.warning("work_waits", why=str(error), mend="looked at again at the next poll")
            if stop.wait(poll_s):
                return

    def tidy(self, *, now: datetime) -> None:
        """Remove what retention says: old events without a label, files of old versions that are not live, ended jobs."""
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
        _logger.info("tidied", events=msgspec.to_builtins(trimmed), versions=removed, jobs=n_jobs)

    def run_due(self, *, now: datetime) -> list[Retraining]:
        """Do all that is due and not claimed by another process."""
        done = []
        for schedule in read_schedules(self.folder.state, self.apps.values()):
            if schedule.paused:
                continue
            since = schedule.last_slot or schedule.created_at
            at = latest_slot(schedule.cron, since=since, now=now)
            if at is not None:
                done += self._run_slot(schedule, at)
        return done

    def run_jobs(self) -> list[Retraining]:
        """Do all that is queued and not claimed by another process; tell of jobs whose worker is gone."""
        state = self.folder.state
        for lost in fail_abandoned_jobs(state, now=datetime.now(UTC)):
            _logger.warning("job_abandoned", job=lost.id, app=lost.app, task=lost.task, mend="ask for it again")
        done = []
        while (job := claim_job(state, apps=self.apps, owner=this_worker(), now=datetime.now(UTC))) is not None:
            done.append(self._work(job))
        return done

    def run_now(self, app: App, task: Task, *, actor: str, reason: str, unless_same: bool = False) -> Retraining:
        """Retrain at once, listed as a job; what goes wrong is in its result.

        Args:
            app: the app.
            task: the task.
            actor: who asks.
            reason: why.
            unless_same: leave it where the stored rows are those of the latest version.
        """
        job = begin_job(
            self.folder.state,
            app.name,
            task.name,
            actor=actor,
            reason=reason,
            owner=this_worker(),
            now=datetime.now(UTC),
        )
        return self._work(job, unless_same=unless_same)

    def retrain(self, app: App, task: Task, *, actor: str = ACTOR, unless_same: bool = False) -> Retraining:
        """Train on the stored events, compare with the champion on the same held-out rows, act on the outcome.

        Nothing is trained on simulated rows here: nobody is there to notice.
        """
        address = f"{app.name}/{task.name}"
        checked = stored_rows(self.folder.events, app, task)
        if checked is None:
            n = EventStore(self.folder.events).count(app.name, task.event)
            reason = f"{n} events are stored; {task.minimum_rows} are needed"
            return Retraining(task=address, action="skip", reason=reason)
        rows = rows_from_checked("store", checked, task, where=f"{app.name}/{task.event}")
        same = trained_already(self.registry, app, task, rows) if unless_same else None
        if same is not None:
            reason = f"nothing new was stored since version {same.number} was trained"
            return Retraining(task=address, action="skip", reason=reason)
        trained = train_and_register(
            self.registry,
            app,
            task,
            rows,
            TrainingChoices(device=self.device),
            actor=actor,
            progress=lambda *_: None,
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
        number = trained.version.number
        if found.action == "promote":
            now = datetime.now(UTC)
            self.registry.promote(app.name, task.name, number, actor=actor, reason=found.reason, now=now)
        return Retraining(task=address, action=found.action, reason=found.reason, version=number, comparison=found)

    def _run_slot(self, schedule: Schedule, at: datetime) -> list[Retraining]:
        app, state, owner = self.apps[schedule.app], self.folder.state, this_worker()
        if not claim_slot(state, schedule.app, schedule.name, at=at, owner=owner):
            return []
        reason = f"schedule {schedule.name}, due {at.isoformat()}"
        done = [
            self.run_now(app, app.task(name), actor=ACTOR, reason=reason, unless_same=True) for name in schedule.tasks
        ]
        finish_slot(
            state,
            schedule.app,
            schedule.name,
            at=at,
            owner=owner,
            state="failed" if any(item.action == "failed" for item in done) else "done",
            result={"tasks": msgspec.to_builtins(done)},
        )
        return done

    def _work(self, job: Job, *, unless_same: bool = False) -> Retraining:
        """Do a job that this worker holds, and record how it ended."""
        app, state, owner = self.apps[job.app], self.folder.state, this_worker()
        log = _logger.bind(app=job.app, task=job.task, job=job.id, actor=job.actor)
        log.info("retraining_started", why=job.reason)
        address = f"{job.app}/{job.task}"
        with holding(state, job.id, owner=owner):
            try:
                found = self.retrain(app, app.task(job.task), actor=job.actor, unless_same=unless_same)
            except TelltaleError as error:
                found = Retraining(task=address, action="failed", reason=str(error))
            except Exception as error:
                # The job must not stay "running", whatever went wrong, and the worker must go on with the next.
                log.exception("retraining_broke")
                found = Retraining(task=address, action="failed", reason=f"{type(error).__name__}; see the log")
        result: dict[str, Any] = msgspec.to_builtins(found)
        ended = _ENDED.get(found.action, "done")
        if not finish_job(state, job.id, ended=ended, result=result, owner=owner, now=datetime.now(UTC)):
            log.warning("job_was_given_up", mend="it took too long without a sign of life; its version stands")
        log.info("retraining_done", action=found.action, reason=found.reason, version=found.version)
        return found


def _runtime(version: Version) -> LoadedRuntime:
    return load_runtime(version.path, expected=version.files, where=version.reference)
