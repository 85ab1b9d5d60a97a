"""What a serving process offers to the routes of apps."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError, UsageError
from telltale.registry.profiles import Profile, find_profile, profile_history, revert_profile
from telltale.registry.registry import Registry
from telltale.retrain.jobs import BY_HAND, Job, enqueue_job
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import LOCAL, Caller
from telltale.serve.live.live_task import Place
from telltale.serve.predict.decide import decide_many
from telltale.serve.predict.enrolment import confirm, enrol
from telltale.serve.predict.newest import Newest, answer_newest
from telltale.storage.database import Database


class RouteContext:
    """The served versions, the registry, the databases, and the queue of jobs. Safe to use from several threads.

    Args:
        edge: of the process.
        caller: who sent the request that is answered.
    """

    def __init__(self, edge: Edge, caller: Caller = LOCAL) -> None:
        self._edge = edge
        self._caller = caller

    def asked_by(self, caller: Caller) -> "RouteContext":
        """The same for the request of another caller."""
        return RouteContext(self._edge, caller)

    @property
    def registry(self) -> Registry:
        """Versions, roles and the ledger. Call `refresh` after a move."""
        return self._edge.registry

    @property
    def state(self) -> Database:
        """Registry, schedules and jobs."""
        return self._edge.folder.state

    @property
    def events(self) -> Database:
        """Events, predictions and feedback."""
        return self._edge.folder.events

    @property
    def has_key(self) -> bool:
        """Whether the request came with a key: one that allows what this route asks for, if it has come this far."""
        return bool(self._caller.scopes) and self._caller != LOCAL

    @property
    def actor(self) -> str:
        """Who asks, for the ledger and for jobs."""
        return self._caller.actor

    @property
    def places(self) -> Mapping[tuple[str, str], Place]:
        """Where each task's version stands, by app and task."""
        return self._edge.versions.places

    def app(self, name: str) -> App:
        """The app of that name. Raises NotFoundError."""
        try:
            return self._edge.apps[name]
        except KeyError:
            known = ", ".join(self._edge.apps)
            raise NotFoundError(f"there is no app {name!r}", where="app", mend=f"There are: {known}.") from None

    def predict(self, task: str, body: object) -> dict[str, Any]:
        """What `POST /v1/{app}/{task}/predict` answers to a body; kept for the log as that is.

        Args:
            task: `app/task`.
            body: what would be sent as JSON.

        Raises:
            UsageError, SchemaError, NotFoundError, NotEnoughDataError, UnavailableError: as the served path.
        """
        app, _, name = task.partition("/")
        found = decide_many(self._edge.place(app, name).asked(), [msgspec.json.encode(body)])[0]
        if isinstance(found, Exception):
            raise found
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    def newest(self, task: str, *, since: datetime | None = None) -> Newest:
        """What the newest rows of every entity score, some thousands of them by one call of the model.

        An entity is decided by the version that its own requests are decided by. Nothing of it is kept for the log, and
        nobody answers in the shadow: who looks every few seconds would fill the log with the same rows again and again,
        and drift and live quality would be those of whoever looks. What is to be kept is asked with `predict`.

        Args:
            task: `app/task`, of kind "score".
            since: only entities with a row at or after this moment, by event time.

        Raises:
            UsageError: the task does not score.
            NotFoundError, UnavailableError: there is no such task, or no version of it serves.
        """
        app, _, name = task.partition("/")
        return answer_newest(self._edge.place(app, name), self.events, since=since)

    def enrol(self, task: str, rows: Sequence[object], *, reason: str = "enrolled") -> Profile:
        """Add rows to what is known of whom they are by; the rows are those of one entity.

        Args:
            task: `app/task`, of kind "verify".
            rows: rows of the task's event, as they would be sent as JSON.
            reason: for the profile's history.

        Raises:
            UsageError, SchemaError, NotEnoughDataError: a row cannot be enrolled; then none is.
        """
        return enrol(self._edge, self._verifying(task), rows, actor=self.actor, reason=reason)

    def confirm(self, task: str, prediction_id: str) -> Profile:
        """Take the row of a prediction into the profile, once somebody has confirmed that it was rightly accepted.

        The label 1 is kept as feedback, in the same transaction as the profile would be if it could: the profile first.

        Raises:
            NotFoundError: there is no such prediction of the task.
            ConflictError: it was not accepted, or is in the profile already.
        """
        return confirm(self._edge, self._verifying(task), prediction_id, actor=self.actor)

    def profile(self, task: str, entity: str) -> Profile | None:
        """What is known of an entity, or None."""
        place = self._verifying(task)
        return find_profile(self.events, place.app, place.task, entity)

    def profile_history(self, task: str, entity: str) -> list[Profile]:
        """Its profiles that are kept, newest first."""
        place = self._verifying(task)
        return profile_history(self.events, place.app, place.task, entity)

    def revert_profile(self, task: str, entity: str, number: int) -> Profile:
        """Go back to a profile. Raises NotFoundError, ConflictError."""
        place = self._verifying(task)
        now = datetime.now(UTC)
        return revert_profile(self.events, place.app, place.task, entity, number, actor=self.actor, now=now)

    def _verifying(self, task: str) -> Place:
        app, _, name = task.partition("/")
        return self._edge.place(app, name)

    def enqueue(self, app: str, tasks: Sequence[str], *, actor: str, reason: str, priority: int = BY_HAND) -> list[Job]:
        """Ask for tasks to be retrained by the next worker; of a task that waits already, the job that waits.

        Raises:
            NotFoundError: there is no such task; then nothing is queued.
        """
        for task in tasks:
            self._edge.place(app, task)
        if not actor.strip():
            raise UsageError("a job needs an actor", where=app, mend="Say who asks for it.")
        return [
            # A time each, so that they are done in this order.
            enqueue_job(self.state, app, task, actor=actor, reason=reason, now=datetime.now(UTC), priority=priority)
            for task in tasks
        ]

    def schedules(self) -> list[Schedule]:
        """Every schedule of every app."""
        apps = self._edge.apps.values()
        declare_schedules(self.state, apps, now=datetime.now(UTC))
        return read_schedules(self.state, apps)

    def refresh(self) -> None:
        """Take up what moved in the registry now, in place of half a second later."""
        self._edge.versions.refresh()
