"""Where a drill plays: a home on simulated time, served and worked on in this process, by the product's own code."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import polars as pl

from telltale.cli.drill.town import between
from telltale.contract.app import App, Task
from telltale.home import Home
from telltale.monitor.feedback import FeedbackRow, write_feedback
from telltale.registry.release import Release
from telltale.retrain.duties import Desk, do_once
from telltale.retrain.duty_list import DUTIES
from telltale.retrain.retraining import Retraining
from telltale.retrain.training import TrainedVersion
from telltale.retrain.worker import Worker
from telltale.serve.edge import Edge
from telltale.serve.predict.decide import predict_many
from telltale.serve.settings import ServeSettings
from telltale.storage.instants import to_us
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import Checked, check_rows
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_from_checked

LOOK: Final = timedelta(hours=1)
# Labels come so long after the answers.
DELAY: Final = timedelta(hours=1)
_AT_ONCE: Final = 64
ACTOR: Final = "drill"


class Stage:
    """Rows are served, labelled an hour later, and every simulated hour the worker's duties are done.

    Args:
        home: of the drill alone.
        app: the app.
        task: one of its tasks that scores labelled rows of entities.
        now: when it begins, aware.
    """

    def __init__(self, home: Home, app: App, task: Task, *, now: datetime) -> None:
        self.home = home
        self.app = app
        self.task = task
        self.now = now
        self.n_answered = 0
        self.n_unanswered = 0
        self._desk = Desk(folder=home.folder, apps={app.name: app})
        self._due: dict[str, datetime] = {}
        # Not started: what its threads would do by the real clock, `play` does by the drill's.
        settings = ServeSettings(home=str(home.folder.path), apps=(), flush_s=3_600.0, retry_s=0.0)
        self._edge = Edge(settings, home.folder, [app], clock=self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._edge.close()

    @property
    def address(self) -> str:
        """As people write it."""
        return f"{self.app.name}/{self.task.name}"

    @property
    def champion(self) -> int | None:
        """The number of the version that decides, by the registry."""
        found = self.home.registry.champion(self.app.name, self.task.name)
        return None if found is None else found.number

    @property
    def serving(self) -> int | None:
        """The number of the version that answers."""
        live = self._edge.place(self.app.name, self.task.name).live
        return None if live is None else live.served.version

    @property
    def release(self) -> Release | None:
        """The newest release."""
        return next(iter(self._desk.releases.all(app=self.app.name, task=self.task.name, limit=1)), None)

    def refresh(self) -> None:
        """Take up what moved, as a server does twice a second."""
        self._edge.versions.refresh()

    def train(self, rows: pl.DataFrame, *, estimator: str = "") -> TrainedVersion:
        """A version trained and judged on labelled rows, as `telltale train --data` would."""
        return self.home.train_on(
            self.app,
            self.task,
            rows_from_checked("simulated", self._checked(rows), self.task, where=ACTOR),
            TrainingChoices(estimator=estimator),
            actor=ACTOR,
            progress=lambda *_: None,
        )

    def begin(self, number: int, *, steps: Sequence[int], every: timedelta, reason: str) -> Release:
        """Release a version."""
        app, task, every_s = self.app.name, self.task.name, every.total_seconds()
        return self._desk.releases.begin(
            app, task, number, steps=steps, every_s=every_s, actor=ACTOR, reason=reason, now=self.now
        )

    def play(self, rows: pl.DataFrame, *, span: timedelta = LOOK, stores: bool = False) -> None:
        """Serve an hour of rows, then do what a worker does in that hour.

        Args:
            rows: labelled; those of the next hour are served, those an hour older are labelled.
            span: in place of an hour: time passes more quickly, and is looked at less often.
            stores: whether the events are stored too, for a later training.
        """
        since, until = self.now, self.now + span
        due = between(rows, self._time, self.now, until)
        self.refresh()
        self.now = until
        self._answer(due)
        self._edge.shadows.flush()
        self._edge.log.flush()
        if stores:
            self._store(due)
        self._label(between(rows, self._time, since - DELAY, until - DELAY))
        self.work()

    def work(self) -> None:
        """The duties that are due by now."""
        for duty in DUTIES:
            if self._due.get(duty.name, self.now) <= self.now:
                self._due[duty.name] = self.now + timedelta(seconds=duty.every_s)
                do_once(self._desk, duty, now=self.now)

    def run_jobs(self) -> list[Retraining]:
        """Do what was asked for meanwhile, as a worker would."""
        return Worker(folder=self.home.folder, apps={self.app.name: self.app}).run_jobs()

    def answer_only(self, rows: pl.DataFrame) -> None:
        """Serve the next hour of rows, and nothing else: time stands."""
        self.refresh()
        self._answer(between(rows, self._time, self.now, self.now + LOOK))

    def _clock(self) -> float:
        return self.now.timestamp()

    @property
    def _time(self) -> str:
        return self.app.event(self.task.event).time

    def _answer(self, rows: pl.DataFrame) -> None:
        """As requests of one row each, in order."""
        place = self._edge.place(self.app.name, self.task.name)
        label = self.app.event(self.task.event).label
        bodies = [msgspec.json.encode(row) for row in rows.drop(label or []).iter_rows(named=True)]
        for start in range(0, len(bodies), _AT_ONCE):
            answers = predict_many(place, bodies[start : start + _AT_ONCE])
            n_failed = sum(isinstance(answer, Exception) for answer in answers)
            self.n_unanswered += n_failed
            self.n_answered += len(answers) - n_failed

    def _store(self, rows: pl.DataFrame) -> None:
        event = self.app.event(self.task.event)
        checked = self._checked(rows.drop(event.label or []))
        self.home.events.add(self.app.name, event.name, checked.frame, checked.columns, source=ACTOR, now=self.now)

    def _checked(self, rows: pl.DataFrame) -> Checked:
        raw = RawRows(frame=rows.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source=ACTOR)
        return check_rows(self.app.event(self.task.event), raw, require_time=True)

    def _label(self, rows: pl.DataFrame) -> None:
        """People said of each row what it was: of an hour that nothing happened, and then which rows were something."""
        event = self.app.event(self.task.event)
        if rows.is_empty() or event.entity is None or event.label is None:
            return
        first: Any = rows[event.time].min()
        last: Any = rows[event.time].max()
        said = [self._said(entity, first, last, label=0) for entity in rows[event.entity].unique().sort()]
        said += [
            self._said(row[event.entity], row[event.time], row[event.time], label=1)
            for row in rows.filter(pl.col(event.label) == 1).iter_rows(named=True)
        ]
        with self.home.folder.events.write() as connection:
            write_feedback(connection, said)

    def _said(self, entity: str, since: datetime, to: datetime, *, label: int) -> FeedbackRow:
        return FeedbackRow(
            app=self.app.name,
            task=self.task.name,
            prediction_id=None,
            entity=entity,
            from_us=to_us(since),
            to_us=to_us(to),
            label=label,
            actor=ACTOR,
            at_us=to_us(self.now),
        )
