"""What is told of an alarm, and to whom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from telltale.monitor.alarms import Alarm

Change = Literal["raised", "resolved"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """That an alarm was raised, or is over.

    Args:
        id: of the message: one that comes twice, since a first answer was lost, comes under the same.
        change: what happened.
        sent_at: when it was sent this time.
        alarm: as it is now.
    """

    id: str
    change: Change
    sent_at: datetime
    alarm: Alarm


@dataclass(frozen=True, kw_only=True)
class Sink:
    """Somewhere messages go.

    Args:
        name: under which it is kept what it was told.
        send: sends one, or raises; may be called again with one that it took.
        repeat_s: where not None, what lasts is sent again after so long.
    """

    name: str
    send: Callable[[Message], None]
    repeat_s: float | None = None
