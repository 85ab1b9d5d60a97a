"""What a worker does beside training, each at its own pace: it looks, and acts on what it sees."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import Any, Literal

import structlog

from telltale.contract.app import App
from telltale.contract.errors import UnavailableError
from telltale.monitor.alarm.messages import Sink
from telltale.monitor.alarm.sinks import LOG
from telltale.registry.registry import Registry
from telltale.registry.releases import Releases
from telltale.storage.folder import Folder

AutoRollback = Literal["on", "dry-run", "off"]

_logger = structlog.get_logger("telltale.retrain.duties")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a duty has at hand.

    Args:
        folder: the home.
        apps: whose tasks it looks after.
        alarm_sinks: who is told of alarms.
        rollback: whether a version that does harm is taken away by itself; "dry-run" and "off" only say that it would be,
            in the log and in the release.
        drift_limit: the classic rule for drift, on the mean PSI, in place of the calibrated one.
        memory: what a duty would have to find again at every turn, under its name; nothing that must not be lost.
    """

    folder: Folder
    apps: Mapping[str, App]
    alarm_sinks: tuple[Sink, ...] = (LOG,)
    rollback: AutoRollback = "on"
    drift_limit: float | None = None
    memory: dict[str, Any] = field(default_factory=dict, compare=False)

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
    the same the second time, or refused. One that is urgent waits for no other.
    """

    name: str
    every_s: float
    do: Callable[[Desk, datetime], None]
    is_urgent: bool = False


def start_duties(desk: Desk, duties: Sequence[Duty], stop: threading.Event) -> list[threading.Thread]:
    """Do duties until told to stop: each that is urgent in a thread of its own, the others in turn in one."""
    urgent = [(duty,) for duty in duties if duty.is_urgent]
    threads = [
        threading.Thread(target=do_duties, args=(desk, some, stop), name=f"duties-{some[0].name}", daemon=True)
        for some in (*urgent, tuple(duty for duty in duties if not duty.is_urgent))
        if some
    ]
    for thread in threads:
        thread.start()
    return threads


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
