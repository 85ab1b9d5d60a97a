"""A loaded version at its place: what a request to `app/task` needs, read once per request."""

from collections.abc import Callable
from typing import Final

import msgspec

from telltale.contract.answer import QueryRuntime, RowRuntime
from telltale.contract.errors import UnavailableError
from telltale.contract.kinds import Kind
from telltale.contract.schema import EventSchema
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.serve.live.stored_windows import StoredWindows
from telltale.serve.predict.answers import Shape
from telltale.serve.predict.bodies import BodyReader
from telltale.serve.predict.query_bodies import QueryReader

# Kinds of task that decide rows; the others answer questions about an entity.
ROW_KINDS: Final[frozenset[Kind]] = frozenset({"score", "choose", "segment"})


class LiveTask(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that a version that decides rows brings: a request that has it cannot mix two versions.

    Args:
        served: who answers, as it is logged.
        runtime: the model.
        event: what its rows are.
        nullable: columns that its plan fills where they have no value.
        reader: decodes bodies for the version's columns.
        windows: the newest stored rows of an entity.
        interval_s: usual distance between rows, for windows whose rows have no time.
        append: keeps a record for the prediction log.
        new_id: names a prediction.
        shape: makes an answer into what is sent.
    """

    served: ServedVersion
    runtime: RowRuntime
    event: EventSchema
    nullable: frozenset[str]
    reader: BodyReader
    windows: StoredWindows
    interval_s: float
    append: Callable[[Record], None]
    new_id: Callable[[], str]
    shape: Shape


class LiveQueries(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The same of a version that answers questions about an entity."""

    served: ServedVersion
    runtime: QueryRuntime
    reader: QueryReader
    append: Callable[[Record], None]
    new_id: Callable[[], str]
    shape: Shape


Live = LiveTask | LiveQueries


class Place:
    """Where the live version of a task stands; replaced by one assignment to `live`, which no request sees half done."""

    __slots__ = ("app", "fault", "live", "mend", "task")

    def __init__(self, app: str, task: str) -> None:
        self.app = app
        self.task = task
        self.live: Live | None = None
        self.fault = ""  # why the champion in the registry is not the one that serves, or ""
        self.mend = ""  # what to do about it

    def required(self) -> Live:
        """The live version. Raises UnavailableError where no version serves."""
        if self.live is None:
            raise UnavailableError(
                self.fault or "no version has been promoted yet",
                where=f"{self.app}/{self.task}",
                mend=self.mend
                or f"Run: telltale train {self.app}/{self.task}, then telltale promote {self.app}/{self.task}.",
            )
        return self.live
