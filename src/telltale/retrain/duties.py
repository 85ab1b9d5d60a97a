"""What a worker does beside training, each at its own pace: it looks, and acts on what it sees."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic

import structlog

from telltale.contract.app import App
from telltale.contract.errors import UnavailableError
from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.storage.folder import Folder

_logger = structlog.get_logger("telltale.retrain.duties")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a duty has at hand.

    Args:
        folder: the home.
        apps: whose tasks it looks after.
    """

    folder: Folder
    apps: Mapping[str, App]

    @cached_property
    def registry(self) -> Registry:
        """The registry of the home."""
        return Registry(self.folder.state, self.folder.artifacts)

    @cached_property
    def releases(self) -> Releases:
        """The releases of the home."""
        return Releases(self.folder.state, self.folder.artifacts)


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Something that is looked at again and again.

    `do(desk, now)` may be called by several processes at once, and again after a crash in its middle: what it does is
    the same the second time, or refused.
    """

    name: str
    every_s: float
    do: Callable[[Desk, datetime], None]


def do_duties(desk: Desk, duties: Sequence[Duty], stop: threading.Event, *, poll_s: float = 1.0) -> None:
    """Do each duty at its pace until told to stop. One that fails is told of in the log, and done again next time."""
    due_s = {duty.name: 0.0 for duty in duties}
    while True:
        for duty in duties:
            if monotonic() >= due_s[duty.name] and not stop.is_set():
                do_once(desk, duty, now=datetime.now(UTC))
                due_s[duty.name] = monotonic() + duty.every_s
        if stop.wait(poll_s):
            return


def do_once(desk: Desk, duty: Duty, *, now: datetime) -> bool:
    """Do a duty now; False where it failed."""
    try:
        duty.do(desk, now)
    except UnavailableError as error:  # a full disk passes
        _logger.warning("duty_waits", duty=duty.name, why=str(error), mend="looked at again shortly")
        return False
    except Exception:  # one duty must not end the others
        _logger.exception("duty_failed", duty=duty.name)
        return False
    return True
