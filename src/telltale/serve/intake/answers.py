"""What is told of what was stored."""

from collections.abc import Sequence
from typing import Any

import msgspec

from telltale.contract.errors import SchemaError
from telltale.telemetry.raw_rows import Quarantined

_TOLD = 3  # reasons told in a refusal; all of them are in the quarantine
_encode = msgspec.json.Encoder().encode


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not taken, and why."""

    line: int
    reason: str


class Received(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the rows of a request, all of it on disk.

    `predictions` has one answer per row taken and task that decides rows of the event, by entity and time.
    """

    accepted: int
    already_stored: int
    quarantined: tuple[SetAside, ...]
    ignored: dict[str, str] = {}
    predictions: tuple[Any, ...] | None = None  # as the tasks' predict paths send them

    @staticmethod
    def of(n_rows: int, n_new: int, quarantined: Sequence[Quarantined], ignored: dict[str, str]) -> "Received":
        """What is told of rows of which `n_new` were new."""
        return Received(
            accepted=n_new,
            already_stored=n_rows - n_new,
            quarantined=tuple(SetAside(line=row.line, reason=row.reason) for row in quarantined),
            ignored=ignored,
        )

    def encoded(self) -> str:
        """As it is sent."""
        return _encode(self).decode()


_read = msgspec.json.Decoder(Received).decode


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many labels were stored."""

    accepted: int

    def encoded(self) -> str:
        """As it is sent."""
        return _encode(self).decode()


def read_received(answer: str) -> Received:
    """An answer as it was kept."""
    return _read(answer)


def nothing_taken(refused: Sequence[Quarantined], *, where: str) -> SchemaError:
    """The refusal of a body without a good row."""
    told = "; ".join(f"line {row.line}: {row.reason}" for row in refused[:_TOLD]) or "there is none"
    return SchemaError(
        f"no row could be taken ({told})", where=where, mend="Mend the rows and send them again; nothing was stored."
    )
