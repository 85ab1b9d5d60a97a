"""What a serving process offers to the routes of apps."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError, UsageError
from telltale.registry.registry import Registry
from telltale.retrain.jobs import Job, enqueue_job
from telltale.retrain.schedules import Schedule, declare_schedules, read_schedules
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import LOCAL, Caller
from telltale.serve.live.live_task import Place
from telltale.serve.predict.decide import decide_many
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

    def enqueue(self, app: str, tasks: Sequence[str], *, actor: str, reason: str) -> list[Job]:
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
            enqueue_job(self.state, app, task, actor=actor, reason=reason, now=datetime.now(UTC))
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
