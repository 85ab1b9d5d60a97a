"""A loaded version at its place: what a request to `app/task` needs, read once per request."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from telltale.contract.answer import Answer, Input
from telltale.contract.errors import UnavailableError
from telltale.models.runtime import CheckedRow
from telltale.monitor.prediction_log import Record, ServedVersion
from telltale.serve.bodies import BodyReader


class ServedRuntime(Protocol):
    """A runtime with the quick ways for rows without history."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        ...

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer."""
        ...

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[Answer]:
        """One answer per input, in order."""
        ...

    def answer_row(
        self, values: Sequence[float], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> Answer:
        """The answer for one row without history; values are checked already."""
        ...

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[Answer]:
        """The same for several rows at once, in order."""
        ...


class LiveTask(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything that a version brings, in one value: a request that has it cannot mix two versions.

    Args:
        served: who answers, as it is logged.
        runtime: the model.
        reader: decodes bodies for the version's columns.
        interval_s: usual distance between rows, for windows whose rows have no time.
        append: keeps a record for the prediction log.
        new_id: names a prediction.
    """

    served: ServedVersion
    runtime: ServedRuntime
    reader: BodyReader
    interval_s: float
    append: Callable[[Record], None]
    new_id: Callable[[], str]


class Place:
    """Where the live version of a task stands; replaced by one assignment to `live`, which no request sees half done."""

    __slots__ = ("app", "fault", "live", "task")

    def __init__(self, app: str, task: str) -> None:
        self.app = app
        self.task = task
        self.live: LiveTask | None = None
        self.fault = ""  # why the champion in the registry is not the one that serves, or ""

    def required(self) -> LiveTask:
        """The live version. Raises UnavailableError where no version serves."""
        if self.live is None:
            raise UnavailableError(
                self.fault or "no version has been promoted yet",
                where=f"{self.app}/{self.task}",
                mend=f"Run: telltale train {self.app}/{self.task}, then telltale promote {self.app}/{self.task}.",
            )
        return self.live
