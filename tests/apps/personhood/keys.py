"""An X server of our own, keys for it, and the recorder beside it as its own process."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_STARTS_S = 60.0


@contextmanager
def x_server(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running Xvfb on a display that nobody uses; the display's name is in `args[-1]`."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("no Xvfb; `make system` brings it")
    reads, writes = os.pipe()
    command = [program, "-displayfd", str(writes), "-screen", "0", "320x240x8", "-nolisten", "tcp", *options]
    server = subprocess.Popen(command, pass_fds=(writes,), stderr=subprocess.DEVNULL)
    os.close(writes)
    try:
        with os.fdopen(reads) as told:
            server.args = [*command, f":{told.readline().strip()}"]
        yield server
    finally:
        server.kill()
        server.wait()


def display_of(server: subprocess.Popen[bytes]) -> str:
    assert isinstance(server.args, list)
    return str(server.args[-1])


def press(display: str, *arguments: str) -> None:
    """Real key events, by xdotool's own commands."""
    program = shutil.which("xdotool")
    if program is None:
        pytest.skip("no xdotool; `make system` brings it")
    subprocess.run([program, *arguments], env={**os.environ, "DISPLAY": display}, check=True, timeout=60)


@dataclass
class Recorder:
    """`telltale collect keystrokes` at work. `terminal` is its standard input, `typist` the end that types into it."""

    process: subprocess.Popen[str]
    terminal: int
    typist: int
    told: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line)
            if text in line:
                return
        raise AssertionError(f"it ended without {text!r}: {''.join(self.told)} {self.errors()}")

    def end(self, *, within_s: float = 30.0) -> tuple[int, str, str]:
        """Its exit status, everything it printed, and its errors."""
        rest, errors = self.process.communicate(timeout=within_s)
        return self.process.returncode, "".join(self.told) + rest, errors

    def errors(self) -> str:
        return self.process.communicate(timeout=10)[1]

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)


@contextmanager
def recorder(home: Path, display: str, arguments: Sequence[str]) -> Iterator[Recorder]:
    """The command in a process of its own, with a terminal for standard input; ended with the block."""
    typist, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    environment |= {"TELLTALE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "telltale", "collect", "keystrokes", *arguments],
        env=environment | ({"DISPLAY": display} if display else {}),
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Recorder(process=process, terminal=terminal, typist=typist)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(typist)
