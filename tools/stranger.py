"""Times a stranger's path: from `git clone` to the first prediction on a CSV of their own.

    python tools/stranger.py FILE.csv [--source URL] [--task helios/anomaly] [--port 8765]

Types what the README says, in an empty folder with a shell that knows nothing of this one, and prints how long each
command took, what it left on the disk, and the answer. The last row of the file is what is asked about; it is not
trained on. Nothing is cached from earlier runs; how long packages take to come is the network's affair, and is said apart
where pip says it.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_TELLTALE: Final = ".venv/bin/telltale"
_NEEDED: Final = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a stranger types, the seconds it took, and the megabytes that are there after it."""

    command: str
    seconds: float
    megabytes: float
    said: str


def main() -> int:
    """Walk the path; 1 where a step failed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", type=Path, help="CSV of your own")
    asked.add_argument("--source", default=str(ROOT), help="what is cloned")
    asked.add_argument("--task", default="helios/anomaly")
    asked.add_argument("--port", type=int, default=8765)
    given = asked.parse_args()
    with TemporaryDirectory() as folder:
        there = Path(folder)
        lines = given.file.read_text(encoding="utf-8").splitlines(keepends=True)
        (there / "mine.csv").write_text("".join(lines[:-1]), encoding="utf-8")
        asked_about = json.dumps(_as_numbers(next(csv.DictReader([lines[0], lines[-1]]))))
        began = time.monotonic()
        steps = _install_and_train(there, source=given.source, task=given.task)
        if steps[-1].said.startswith("!"):
            return _tell(steps, time.monotonic() - began)
        steps += _serve_and_ask(there, task=given.task, port=given.port, body=asked_about)
        return _tell(steps, time.monotonic() - began)


def _install_and_train(there: Path, *, source: str, task: str) -> list[Step]:
    """The commands before the server, to the first that failed."""
    steps: list[Step] = []
    for command in (
        f"git clone --quiet {source} telltale",
        "python3.11 -m venv .venv",
        ".venv/bin/pip install --quiet --constraint telltale/constraints.txt ./telltale",
        f"{_TELLTALE} train {task} --data mine.csv",
        f"{_TELLTALE} promote {task} --version 1 --reason 'my own rows'",  # without labels a gate asks for one
    ):
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command], cwd=there, env=_bare(there), capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        # A gate that says no, or has no labels to judge by, is an answer and no failure.
        steps.append(
            _step(command, began, there, said if done.returncode in {0, 1} else f"! {done.returncode}\n{said}")
        )
        if done.returncode not in {0, 1}:
            break
    return steps


def _serve_and_ask(there: Path, *, task: str, port: int, body: str) -> list[Step]:
    """Start the server, wait until it answers, ask it about one row."""
    began = time.monotonic()
    with subprocess.Popen(
        [there / _TELLTALE, "up", "--port", str(port)],
        cwd=there,
        env=_bare(there),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            while not _answers(port):
                if server.poll() is not None:
                    return [_step("telltale up", began, there, f"! {server.stderr.read() if server.stderr else ''}")]
                time.sleep(0.1)
            up = _step(f"{_TELLTALE} up", began, there, "")
            began = time.monotonic()
            address = f"http://127.0.0.1:{port}/v1/{task}/predict"
            done = subprocess.run(
                ["curl", "-s", address, "-d", body], capture_output=True, text=True, check=False, timeout=60
            )
            said = done.stdout if '"prediction_id"' in done.stdout else f"! {done.stdout}"
            return [up, _step(f"curl -s {address} -d '{body}'", began, there, said)]
        finally:
            server.terminate()


def _step(command: str, began: float, there: Path, said: str) -> Step:
    size = subprocess.run(["du", "-sk", there], capture_output=True, text=True, check=True).stdout
    return Step(command, time.monotonic() - began, int(size.split()[0]) / 1024, said)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False


def _as_numbers(row: dict[str, str]) -> dict[str, str | float]:
    """A row of a CSV as a body: numbers as numbers, the label left out."""
    body: dict[str, str | float] = {}
    for name, value in row.items():
        if name in {"is_anomaly", "label"}:
            continue
        try:
            body[name] = float(value)
        except ValueError:
            body[name] = value
    return body


def _bare(there: Path) -> dict[str, str]:
    """What a fresh shell knows; where packages come from is kept, what was downloaded before is not."""
    kept = {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith("PIP_")}
    return {**kept, "HOME": os.environ["HOME"], "PIP_NO_CACHE_DIR": "1", "TELLTALE_HOME": str(there / ".telltale")}


def _tell(steps: list[Step], seconds: float) -> int:
    for step in steps:
        print(f"{step.seconds:7.1f} s {step.megabytes:8.0f} MB  {step.command}")
    print(f"{seconds / 60:.1f} minutes, {steps[-1].megabytes:.0f} MB, {len(steps)} commands.")
    for step in steps[3:]:
        print(f"\n$ {step.command}\n{step.said.strip()}")
    return 1 if steps[-1].said.startswith("!") else 0


if __name__ == "__main__":
    sys.exit(main())
