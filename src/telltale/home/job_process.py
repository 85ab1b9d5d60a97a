"""The process that does one retraining: `python -m telltale.home.job_process`, started by `telltale.retrain.apart`.

It reads a `JobOrder` from its standard input and writes a `Retraining` to its standard output. It gives way to whoever
serves, and ends with its worker.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from telltale.contract.app import App
from telltale.contract.errors import TelltaleError
from telltale.home.backend import declared_source
from telltale.home.pulls import Freshness, pull_before_training
from telltale.home.settings import read_settings
from telltale.retrain.apart import JobOrder
from telltale.retrain.retraining import Retraining, retrain
from telltale.serve.app_references import load_apps
from telltale.serve.guard.parent import end_with_parent
from telltale.serve.logs import configure_logs
from telltale.storage.folder import Folder, open_folder

_NICE: Final = 10
_KILLED_FIRST: Final = 500  # of 1,000, in the kernel's choice where memory runs out

_logger = structlog.get_logger("telltale.home.job_process")


def main() -> None:
    """Do what the order says, and tell how it ended."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=JobOrder)
    end_with_parent(order.parent)
    give_way()
    # What libraries print belongs with the log, and not into the answer.
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    configure_logs(level=order.log_level)
    done = do(order)
    with os.fdopen(answer, "wb") as pipe:
        pipe.write(msgspec.json.encode(done))


def do(order: JobOrder) -> Retraining:
    """Retrain, and say what went wrong where something did."""
    address = f"{order.app}/{order.task}"
    try:
        apps = {app.name: app for app in load_apps(order.apps)}
        app = apps[order.app]
        artifacts = Path(order.artifacts) if order.artifacts else None
        folder = open_folder(Path(order.home), artifacts=artifacts, database=order.database)
        try:
            fresh = _pull(folder, apps, app, order.task)
            done = retrain(
                folder,
                app,
                app.task(order.task),
                actor=order.actor,
                unless_same=order.unless_same,
                begun_at=order.begun_at,
                device=order.device,
            )
            return done if fresh is None else told_fresh(done, fresh)
        finally:
            folder.close()
    except TelltaleError as error:
        return Retraining(task=address, action="failed", reason=str(error))
    except Exception as error:  # the worker is told, whatever went wrong
        _logger.exception("retraining_broke", app=order.app, task=order.task)
        return Retraining(task=address, action="failed", reason=f"{type(error).__name__}; see the log")


def told_fresh(done: Retraining, fresh: Freshness) -> Retraining:
    """The outcome with what is known of its rows: those of a backend that was away are told of in the reason."""
    stale = fresh.told(datetime.now(UTC))
    reason = f"{done.reason}. {stale}" if stale else done.reason
    return msgspec.structs.replace(done, reason=reason, source=fresh.source, is_stale=fresh.is_stale)


def _pull(folder: Folder, apps: Mapping[str, App], app: App, task: str) -> Freshness | None:
    """Read what the shop's backend has that is new, where one is known."""
    settings = read_settings(Path.cwd())
    try:
        source = declared_source(apps, app, app.task(task).event, settings)
    except TelltaleError as error:  # a file of the operator's that is wrong must not end retraining
        _logger.warning("sources_unread", why=str(error))
        return Freshness(source="API_SOURCES", is_stale=True, fault=error.what)
    return pull_before_training(folder, source)


def give_way() -> None:
    """Take time and memory from nobody who serves; what the system does not let us say is left."""
    os.nice(_NICE)
    if sys.platform != "linux":
        return
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # Where sessions are scheduled against each other, niceness counts within one alone: this sets the session's own.
    for file, number in (("autogroup", _NICE), ("oom_score_adj", _KILLED_FIRST)):
        with suppress(OSError):
            Path(f"/proc/self/{file}").write_text(str(number))


if __name__ == "__main__":
    main()
