"""Granian with our application in it: in this process until a signal, or in a child for the time of a block.

The parent process imports no model library: what a worker needs, it imports itself.
"""

import errno
import gc
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from telltale.contract.errors import TelltaleError, UsageError
from telltale.serve.guard.exposure import check_exposure
from telltale.serve.settings import ServeSettings

if TYPE_CHECKING:
    from telltale.serve.http.rsgi import Application

# Spelt out: in the child of `start_background` this module's name is __main__.
_MODULE: Final = "telltale.serve.server"
_APPLICATION: Final = f"{_MODULE}:application"
_SETTINGS_VARIABLE: Final = "TELLTALE_SERVE_SETTINGS"
_STOP_S: Final = 10.0
_PORT_S: Final = 1.0


def application() -> "Application":
    """The application of a worker process, from the settings in its environment."""
    from telltale.serve.edge import open_edge
    from telltale.serve.guard.parent import end_with_parent
    from telltale.serve.logs import configure_logs
    from telltale.serve.routes.application import make_application

    settings = msgspec.json.decode(os.environ[_SETTINGS_VARIABLE], type=ServeSettings)
    configure_logs(level=settings.log_level)
    end_with_parent()
    edge = open_edge(settings)
    made = make_application(edge)
    _rest_the_collector()
    _wake_in_turn()
    return made


def serve(settings: ServeSettings, *, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand are answered and logged first.

    Args:
        settings: what workers are started with.
        host: where to listen.
        port: where to listen; in use already, it is refused.
        workers: processes. Each loads every version and watches the registry for itself.

    Raises:
        UsageError: the port is taken, or `host` can be reached from elsewhere and there is no key, or
            traces are asked for and cannot be sent.
    """
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from telltale.serve.http.tracing import is_traced

    check_exposure(host, settings)
    is_traced(os.environ)  # told here, where somebody reads it, and not by each worker
    _check_port(host, port)
    session_secret = settings.session_secret or secrets.token_hex(32)
    sent = msgspec.structs.replace(settings, workers=workers, session_secret=session_secret)
    os.environ[_SETTINGS_VARIABLE] = msgspec.json.encode(sent).decode()
    server = Granian(
        _APPLICATION,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=int(_STOP_S),
    )
    if workers == 1:
        server.serve()
        return
    # The library decides at import, in the worker, whether figures are shared between processes.
    with tempfile.TemporaryDirectory(prefix="telltale-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        server.serve()


def _rest_the_collector() -> None:
    """Answers hold no reference cycles; looking for cycles among them after every 700 costs four per cent of the whole."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)


def _wake_in_turn() -> None:
    """A thread that is woken does not interrupt the one at work, from here on and in threads that are yet to start.

    Granian's thread and the event loop's wake each other for every request, and each would find the interpreter lock with
    the other: three changes of thread a request, where one or two do (docs/decisions/0022-hot-path.md).
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a container may forbid it, and then all is as it would be anyway
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server in a child process."""

    url: str
    pid: int


@contextmanager
def start_background(
    settings: ServeSettings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    workers: int = 1,
    ready_within_s: float = 30.0,
    log_to: Any = subprocess.DEVNULL,
    through: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """A server in a child process, ready to answer; stopped when the block ends.

    Args:
        settings: what it is started with.
        host: where it listens.
        port: where it listens; 0 finds a free one.
        workers: processes.
        ready_within_s: how long it may take until it answers.
        log_to: where its log goes: a file, or None for our standard error.
        through: a command that becomes the server, such as one that enters a container.

    Raises:
        UsageError: as `serve`.
        TelltaleError: it ended, or was not ready in time.
    """
    check_exposure(host, settings)
    port = _check_port(host, port)
    sent = msgspec.json.encode(_Started(settings=settings, host=host, port=port, workers=workers))
    child = subprocess.Popen(
        [*through, sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=log_to,
        stderr=log_to,
        start_new_session=True,
    )
    try:
        # By its standard input: arguments can be read by every user of the machine, and the key is among them.
        assert child.stdin is not None
        with child.stdin as pipe:
            pipe.write(sent)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        _await_ready(url, child, ready_within_s)
        yield RunningServer(url=url, pid=child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=_STOP_S + 5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _check_port(host: str, port: int) -> int:
    """The port, or a free one for 0. A server that was killed may hold it for a moment more. Raises UsageError."""
    give_up_at = time.monotonic() + _PORT_S
    while True:
        try:
            return _bound_port(host, port)
        except OSError as error:
            if time.monotonic() < give_up_at and error.errno == errno.EADDRINUSE:
                time.sleep(0.02)
                continue
            raise UsageError(
                f"cannot listen on {host}:{port} ({error.strerror})",
                where="serve",
                mend="Choose another port with --port or PORT, or stop what listens there.",
            ) from error


def _bound_port(host: str, port: int) -> int:
    family: Literal[socket.AddressFamily.AF_INET, socket.AddressFamily.AF_INET6]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will: a port that lately served someone else may be taken again at once.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _await_ready(url: str, child: "subprocess.Popen[bytes]", within_s: float) -> None:
    give_up_at = time.monotonic() + within_s
    told = ""
    while time.monotonic() < give_up_at:
        if child.poll() is not None:
            raise TelltaleError(
                f"the server ended with status {child.returncode}",
                where=url,
                mend="Run `telltale serve` to see what it says.",
            )
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as refusal:
            faults = msgspec.json.decode(refusal.read(), type=_Unready).faults
            told = "".join(f"; {task}: {fault}" for task, fault in faults.items())
            refusal.close()
            time.sleep(0.1)
        except OSError:
            time.sleep(0.02)
    raise TelltaleError(
        f"the server was not ready within {within_s:g} s{told}",
        where=url,
        mend="Run `telltale serve` to see what it says.",
    )


class _Unready(msgspec.Struct):
    faults: dict[str, str] = {}


class _Started(msgspec.Struct):
    settings: ServeSettings
    host: str
    port: int
    workers: int


if __name__ == "__main__":
    started = msgspec.json.decode(sys.stdin.buffer.read(), type=_Started)
    serve(started.settings, host=started.host, port=started.port, workers=started.workers)
