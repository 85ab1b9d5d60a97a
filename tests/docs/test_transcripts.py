"""Transcripts of the guides, run as they stand: see `tests.docs.pages` for how one is written."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Command, name_of, pages, transcript_of
from tests.faults.kills import free_port

_MARK = "@@ done"
_AT_MOST_S = 600
_VARIES = re.compile(r"\b[0-9a-f]{12,}(-[0-9a-f]{8})?\b|-?\d+([.,]\d+)*(e[+-]?\d+)?")
# A reader types slowly enough for a server to start.
_READY = "until curl -sf http://127.0.0.1:$PORT/readyz > /dev/null; do kill -0 $! || break; sleep 0.1; done"

_WITH_TRANSCRIPT = [page for page in pages() if transcript_of(page)]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and its exit status."""

    printed: str
    status: int


def run_all(commands: list[Command], folder: Path) -> list[Done]:
    """Run commands one after the other in one shell, which starts in a folder and has a port of its own."""
    port = str(free_port())
    script = ["trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT"]
    for command in commands:
        text = re.sub(r"\b(127\.0\.0\.1|localhost):8000\b", rf"\1:{port}", command.text)
        script += [text, f"printf '\\n{_MARK} %d\\n' $?"]
        if text.rstrip().endswith("&"):
            script.append(_READY)
    names = {key: value for key, value in os.environ.items() if not key.startswith("TELLTALE")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**names, "PATH": programs, "PORT": port, "COLUMNS": "130"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(timeout=_AT_MOST_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            said, _ = shell.communicate()
    parts = re.split(rf"\n{_MARK} (\d+)\n", said)
    return [Done(printed, int(status)) for printed, status in zip(parts[::2], parts[1::2], strict=False)]


def is_as_said(printed: str, said: list[str]) -> bool:
    """Whether a command printed what its page says: `…` is anything, a number or an id any other, blanks do not count."""
    pattern = "(.|\n)*?".join(re.escape(_bare(part)) for part in "\n".join(said).split("…"))
    return re.fullmatch(pattern, _bare(printed)) is not None


def _bare(text: str) -> str:
    return re.sub(r"\s+|─+", "", _VARIES.sub("#", text))


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("page", _WITH_TRANSCRIPT, ids=name_of)
def test_what_a_guide_shows_is_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")  # as in a clone
    commands = transcript_of(page)

    every = run_all(commands, tmp_path)

    for command, done in zip(commands, every, strict=False):
        where = f"{name_of(page)}:{command.line}: {command.text}\n{done.printed}"
        assert done.status == 0, f"exit status {done.status} of {where}"
        assert not any(command.printed) or is_as_said(done.printed, command.printed), f"says otherwise: {where}"
    assert len(every) == len(commands), f"{name_of(page)}: not done in {_AT_MOST_S} s: {commands[len(every)].text}"


def test_a_transcript_that_is_no_longer_true_is_found() -> None:
    said = ["Version 3 (forest): 12 rows, 0.4 s", "…", "Next: telltale promote"]

    assert is_as_said("Version 1 (forest): 2,016 rows, 1.75 s\nmore\nand more\nNext:  telltale promote\n", said)
    assert not is_as_said("Version 1 (trees): 2,016 rows, 1.75 s\nNext: telltale promote\n", said)
    assert not is_as_said("Version 1 (forest): 2,016 rows, 1.75 s\nNext: telltale promote\nand more", said)
