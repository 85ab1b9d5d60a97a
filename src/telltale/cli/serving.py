"""`telltale serve`, `telltale work`, and both together: `telltale up`."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import structlog
import typer

from telltale.cli.console import err
from telltale.home import Home, open_home
from telltale.home.apps import app_references, installed_apps
from telltale.home.settings import as_float, as_int, as_word, log_level, model_folder, read_settings, without_effect
from telltale.monitor.alarm.messages import Sink
from telltale.monitor.alarm.sinks import alarm_sinks
from telltale.retrain.apart import Apart
from telltale.retrain.duties import AutoRollback, Desk
from telltale.retrain.worker import Worker
from telltale.serve.server import serve as run_server
from telltale.serve.settings import ServeSettings

if TYPE_CHECKING:
    from telltale.serve.http.asgi_bridge import AsgiApplication

Host = Annotated[str | None, typer.Option(help="Address to listen on.  [HOST, 127.0.0.1]")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0 finds a free one.  [PORT, 8000]")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Server processes.  [WORKERS, 1]")]


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> int:
    """Serve the champions over HTTP until stopped."""
    settings = read_settings(Path.cwd())
    address = host or settings["HOST"]
    number = as_int(settings, "PORT") if port is None else port
    for variable, instead in without_effect(settings).items():
        err.print(f"{variable} is set and has no effect: {instead}.", soft_wrap=True)
    err.print(f"Serving on http://{address}:{number} (documentation at /docs); Ctrl-C ends it.")
    run_server(
        serve_settings(settings),
        host=address,
        port=number,
        workers=as_int(settings, "WORKERS") if workers is None else workers,
    )
    return 0


def asgi() -> "AsgiApplication":
    """The application for another server: `uvicorn --factory telltale.cli.serving:asgi`; settings as for `serve`."""
    from telltale.serve.edge import open_edge
    from telltale.serve.http.asgi_door import asgi_application
    from telltale.serve.logs import configure_logs
    from telltale.serve.routes.application import make_application

    settings = serve_settings(read_settings(Path.cwd()))
    configure_logs(level=settings.log_level)
    return asgi_application(make_application(open_edge(settings)))


def work(
    poll: Annotated[float, typer.Option(help="Seconds between looks for due work.")] = 5.0,
    parent: Annotated[int, typer.Option(hidden=True)] = 0,
) -> int:
    """Do scheduled work until stopped: retrain what is due, once however many workers there are."""
    from telltale.serve.guard.parent import end_with_parent
    from telltale.serve.logs import configure_logs

    if parent:
        end_with_parent(parent)
    settings = read_settings(Path.cwd())
    configure_logs(level=log_level(settings, otherwise="info"))
    for variable, instead in without_effect(settings).items():
        structlog.get_logger("telltale.cli.serving").warning("setting_without_effect", variable=variable, mend=instead)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with open_home() as home:
        try:
            worker_of(home).run(stop, poll_s=poll)
        except KeyboardInterrupt:
            stop.set()
    return 0


def up(host: Host = None, port: Port = None, workers: Workers = None) -> int:
    """Serve and work: everything one machine needs, in one command."""
    # A process of its own: training must not take time from answering. It ends with this one, however that ends.
    worker = subprocess.Popen([sys.executable, "-m", "telltale", "work", "--parent", str(os.getpid())])
    try:
        return serve(host, port, workers)
    finally:
        worker.terminate()
        worker.wait(timeout=60)


def serve_settings(settings: Mapping[str, str]) -> ServeSettings:
    """What a server is started with, from the settings at the top."""
    thresholds = {}
    for app in installed_apps().values():
        for task in app.tasks:
            if task.threshold_variable in settings:
                value = as_float(settings, task.threshold_variable)
                if value is not None:
                    thresholds[f"{app.name}/{task.name}"] = value
    return ServeSettings(
        home=os.fspath(Path(settings["TELLTALE_HOME"]).absolute()),
        apps=app_references(),
        artifacts=os.fspath(model_folder(settings) or ""),
        database=settings["DATABASE_URL"],
        operator_key=settings["TELLTALE_OPERATOR_KEY"],
        rate_limit=rate_limit(settings),
        log_level=log_level(settings, otherwise="info"),
        thresholds=thresholds,
    )


def rate_limit(settings: Mapping[str, str]) -> float:
    """RATE_LIMIT, requests a second; 0 for none. Raises UsageError."""
    return as_float(settings, "RATE_LIMIT") or 0.0


def sinks_of(settings: Mapping[str, str]) -> tuple[Sink, ...]:
    """Who is told of alarms. Raises UsageError."""
    return alarm_sinks(
        webhook_url=settings["ALARM_WEBHOOK_URL"],
        webhook_secret=settings["ALARM_WEBHOOK_SECRET"],
        alertmanager_url=settings["ALERTMANAGER_URL"],
    )


def auto_rollback(settings: Mapping[str, str]) -> AutoRollback:
    """Whether a version that does harm is taken away by itself. Raises UsageError."""
    word = as_word(settings, "AUTO_ROLLBACK")
    known: tuple[AutoRollback, ...] = get_args(AutoRollback)
    return next(one for one in known if one == word)


def worker_of(home: Home) -> Worker:
    """The worker of a home, with the retention of the settings."""
    settings = read_settings(Path.cwd())
    return Worker(
        folder=home.folder,
        apps=home.apps,
        keep_versions=as_int(settings, "MAX_MODEL_VERSIONS"),
        keep_days=float(as_int(settings, "MODEL_RETENTION_DAYS")),
        keep_event_days=float(as_int(settings, "EVENT_RETENTION_DAYS")),
        keep_event_bytes=as_int(settings, "EVENT_RETENTION_GB") * 1_000_000_000,
        device=as_word(settings, "DEVICE"),
        apart=Apart(
            command=(sys.executable, "-m", "telltale.home.job_process"),
            apps=app_references(),
            log_level=log_level(settings, otherwise="info"),
            max_seconds=float(as_int(settings, "JOB_MAX_SECONDS")),
            max_memory_mb=as_int(settings, "JOB_MAX_MEMORY_MB"),
        ),
        desk=Desk(
            folder=home.folder,
            apps=home.apps,
            alarm_sinks=sinks_of(settings),
            rollback=auto_rollback(settings),
            drift_limit=as_float(settings, "DRIFT_LIMIT"),
        ),
    )
