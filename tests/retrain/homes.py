"""A home of the small app with events stored, and workers on it that retrain in processes of their own."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.serve import shop

from telltale.contract.simulation import Simulation
from telltale.contract.verdict import Target
from telltale.retrain.apart import Apart
from telltale.retrain.worker import Worker
from telltale.storage.folder import Folder
from telltale.telemetry.event_store import EventStore
from telltale.train.sources import check_simulated

# With a target, which its versions meet: those without one are promoted by a person alone.
ALARM = replace(shop.ALARM, targets=(Target(metric="false_positive_rate", op="<=", limit=0.3),))
SHOP = replace(shop.APP, tasks=(ALARM, *shop.APP.tasks[1:]))
CREATED = datetime(2024, 1, 1, tzinfo=UTC)
JOB_PROCESS = (sys.executable, "-m", "telltale.home.job_process")


def store(folder: Folder, event: str, *, days_later: int = 0, now: datetime = CREATED) -> None:
    """Store simulated rows of an event of the small app."""
    checked = check_simulated(SHOP, event, Simulation(), days_later=days_later)
    EventStore(folder.events).add("shop", event, checked.frame, checked.columns, source="test", now=now)


def worker_apart(folder: Folder, *, program: str = "", max_seconds: float = 60.0, max_memory_mb: int = 4_096) -> Worker:
    """A worker of the small app whose retrainings are done by the job process, or by a program in its place."""
    command = (sys.executable, "-c", program) if program else JOB_PROCESS
    apart = Apart(
        command=command, apps=("tests.retrain.homes:SHOP",), max_seconds=max_seconds, max_memory_mb=max_memory_mb
    )
    return Worker(folder=folder, apps={"shop": SHOP}, apart=apart)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has asked after yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
