"""A home with versions of a small task, and rows as a server would have logged them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from sqlalchemy import Table, insert
from tests.serve.shop import APP as SHOP

from telltale.contract.app import App
from telltale.contract.verdict import Target
from telltale.registry.registry import Registry
from telltale.registry.release import Release
from telltale.retrain.duties import AutoRollback, Desk
from telltale.storage import tables
from telltale.storage.folder import Folder
from telltale.storage.instants import to_us

NOW: Final = datetime(2024, 12, 2, 9, 0, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
# What people are shown next changes what they do.
APP: Final = replace(
    SHOP, tasks=tuple(replace(task, answer_changes_outcome=task.kind == "rank") for task in SHOP.tasks)
)


@dataclass
class Logged:
    """Writes what a server logs. Times are those of `NOW` and later, in seconds after it."""

    folder: Folder
    task: str = "alarm"
    app: App = APP
    _numbers: "count[int]" = field(default_factory=count)
    _waiting: list[tuple[Table, dict[str, object]]] = field(default_factory=list)

    def desk(self, rollback: AutoRollback = "on") -> Desk:
        """A desk that sees all that was logged."""
        with self.folder.events.write() as connection:
            for table, values in self._waiting:
                connection.execute(insert(table).values(**values))
        self._waiting.clear()
        return Desk(folder=self.folder, apps={self.app.name: self.app}, rollback=rollback)

    def ask_of_alarm(self, target: Target) -> None:
        """Give the task of detection a target."""
        tasks = (replace(task, targets=(target,)) if task.name == "alarm" else task for task in self.app.tasks)
        self.app = replace(self.app, tasks=tuple(tasks))

    def pair(
        self,
        *,
        decided_by: int,
        shadow: int,
        decisions: Mapping[int, bool],
        label: int | None,
        at_s: float = 0.0,
        entity: str | None = None,
        latency_ms: float = 2.0,
    ) -> None:
        """A request that one version decided and another answered in its shadow, each row of an entity of its own."""
        number = next(self._numbers)
        name = f"p{number}"
        at = NOW + timedelta(seconds=at_s)
        self._predict(
            name, decided_by, decision=decisions[decided_by], entity=entity or f"e{number}", at=at, ms=latency_ms
        )
        self._insert(
            tables.shadow,
            prediction_id=name,
            version=shadow,
            app=self.app.name,
            task=self.task,
            score=float(decisions[shadow]),
            decision=decisions[shadow],
            threshold=0.5,
            latency_us=900,
            received_us=to_us(at),
        )
        if label is not None:
            self.label(name, label, at_s=at_s)

    def answer(
        self, version: int, *, entity: str, at_s: float = 0.0, latency_ms: float = 2.0, label: int | None = None
    ) -> str:
        """A request that one version answered; its id."""
        name = f"p{next(self._numbers)}"
        self._predict(name, version, decision=False, entity=entity, at=NOW + timedelta(seconds=at_s), ms=latency_ms)
        if label is not None:
            self.label(name, label, at_s=at_s)
        return name

    def label(self, prediction_id: str, label: int, *, at_s: float) -> None:
        """What turned out to be true."""
        self._insert(
            tables.feedback,
            app=self.app.name,
            task=self.task,
            prediction_id=prediction_id,
            label=label,
            actor="test",
            at_us=to_us(NOW + timedelta(seconds=at_s)),
        )

    def failed(self, version: int, *, n_failed: int, at_s: float = 0.0) -> None:
        """Requests that a version could not answer."""
        minute = (NOW + timedelta(seconds=at_s)).replace(second=0, microsecond=0)
        self._insert(
            tables.service_minute,
            app=self.app.name,
            task=self.task,
            version=version,
            minute_us=to_us(minute),
            n_answered=0,
            n_failed=n_failed,
            n_unlogged=0,
        )

    def _predict(self, name: str, version: int, *, decision: bool, entity: str, at: datetime, ms: float) -> None:
        self._insert(
            tables.prediction,
            id=name,
            app=self.app.name,
            task=self.task,
            entity=entity,
            at_us=to_us(at),
            values="{}",
            score=float(decision),
            decision=decision,
            threshold=0.5,
            version=version,
            role="champion",
            latency_us=round(ms * 1_000),
            received_us=to_us(at),
        )

    def _insert(self, table: Table, **values: object) -> None:
        self._waiting.append((table, values))


def begin(log: Logged, *steps: int, every: timedelta | None = None, margin: float | None = None) -> Release:
    """A release of version 2 beside version 1, begun at `NOW`."""
    return log.desk().releases.begin(
        log.app.name,
        log.task,
        2,
        steps=steps,
        every_s=None if every is None else every.total_seconds(),
        margin=margin,
        actor="test",
        reason="a test",
        now=NOW,
    )


def roles(registry: Registry, log: Logged) -> dict[int, str]:
    """What each version is."""
    return {version.number: version.role for version in registry.versions(log.app.name, log.task)}
