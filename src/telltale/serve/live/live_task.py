"""A loaded version at its place: what a request to `app/task` needs, read once per request."""

from collections.abc import Callable
from time import time
from typing import Final

import msgspec

from telltale.contract.answer import QueryRuntime, RowRuntime
from telltale.contract.errors import UnavailableError
from telltale.contract.kinds import Kind
from telltale.contract.schema import EventSchema
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.monitor.service_minutes import NO_VERSION
from telltale.serve.live.columns_at import ColumnsAt
from telltale.serve.live.shadow_scorer import Offered, Shadow
from telltale.serve.live.stored_items import FindItems
from telltale.serve.live.stored_windows import StoredWindows
from telltale.serve.predict.answers import Shape
from telltale.serve.predict.bodies import BodyReader
from telltale.serve.predict.query_bodies import QueryReader
from telltale.serve.predict.sample_bodies import SampleReader

# Kinds of task that decide rows; the others answer questions about an entity.
ROW_KINDS: Final[frozenset[Kind]] = frozenset({"score", "choose", "segment"})

# Who would have answered, so many requests, received at a time (epoch seconds): the server failed them.
Failed = Callable[[ServedVersion, int, float], None]


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
        failed: counts requests that the server failed.
        rival: the version beside it, or None.
        clock: the time of receipt (epoch seconds).
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
    failed: Failed
    rival: "Rival | None" = None
    clock: Callable[[], float] = time


class LiveQueries(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The same of a version that answers questions about an entity; `items_since` finds what one came to since its training."""

    served: ServedVersion
    runtime: QueryRuntime
    reader: QueryReader | SampleReader
    append: Callable[[Record], None]
    new_id: Callable[[], str]
    shape: Shape
    failed: Failed
    items_since: FindItems | None = None
    rival: "Rival | None" = None
    clock: Callable[[], float] = time


Live = LiveTask | LiveQueries


class Rival(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The version beside a champion: what it decides, it answers as it would if it were champion.

    Args:
        live: the version; of the kind of the champion.
        percent: of entities it decides for.
        salt: of the hash that assigns them.
        columns_at: where its columns stand among the champion's; None where they are the same, and of queries.
        shadow: the rival where the champion decides.
        champion_shadow: the champion where the rival decides.
        offer: hands a request to whoever did not decide it.
    """

    live: Live
    percent: int
    salt: str
    columns_at: ColumnsAt
    shadow: Shadow
    champion_shadow: Shadow
    offer: Callable[[Offered], None]


class Place:
    """Where the live version of a task stands; replaced by one assignment to `live`, which no request sees half done.

    Args:
        app: the app.
        task: the task.
        failed: counts requests that find no version.
    """

    __slots__ = ("app", "failed", "fault", "live", "mend", "nobody", "rival_fault", "task")

    def __init__(self, app: str, task: str, *, failed: Failed = lambda *_: None) -> None:
        self.app = app
        self.task = task
        self.live: Live | None = None
        self.fault = ""  # why the champion in the registry is not the one that serves, or ""
        self.rival_fault = ""  # why the version of the active release is not beside it, or ""
        self.mend = ""  # what to do about either
        self.failed = failed
        self.nobody = ServedVersion(app=app, task=task, version=NO_VERSION, role="", columns=())

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

    def asked(self, n: int = 1) -> Live:
        """The live version, for so many requests; where no version serves they are counted as failed, and it is raised."""
        try:
            return self.required()
        except UnavailableError:
            self.failed(self.nobody, n, time())
            raise
