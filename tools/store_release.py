"""Keep a home as a release writes it, so that every later release is tested to open it. Run it once, for a release.

    python tools/store_release.py 0.2.0

It makes a small home with that release's own commands and server, fills the tables that they left empty with a made-up row,
and writes `tests/storage/releases/NAME.tar.xz`, a backup, and `NAME.json`: rows, and what its champion said of them. A second
home, in `tests/models/kinds/`, has a version of each kind of task, with questions and its answers. Never run it for a release
that is out: what that one wrote is what must still open.

With `--code FOLDER` the commands are those of other code than this, as in `git archive v0.1.0 src | tar x -C FOLDER`.
"""

import argparse
import csv
import json
import lzma
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from telltale.cli.example_bodies import example_bodies
from telltale.home.apps import find_task, installed_apps
from telltale.home.backup import back_up

FOLDER = Path(__file__).parent.parent / "tests" / "storage" / "releases"
KINDS_FOLDER = Path(__file__).parent.parent / "tests" / "models" / "kinds"
TASK = "helios/anomaly"
# A task of each other kind, its smallest estimator, and rows enough for it; None for as many as it simulates by itself.
KINDS: dict[str, tuple[str, int | None]] = {
    "pakit/compression": ("linear_outcomes", 40),
    "pakit/dedup": ("minhash", 40),
    "pakit/prefetch": ("sequential", 1_000),
    "pakit/peers": ("linucb", 600),
    "storefront/activity": ("kmeans", 400),
    "storefront/recommend": ("popular", 1_500),
    "storefront/trend": ("seasonal_naive", None),
}
N_ROWS = 24
BODY = {
    "event_count": 1000.0,
    "error_rate": 0.3,
    "p50_latency_ms": 42.5,
    "p95_latency_ms": 100.25,
    "p99_latency_ms": 130.75,
}


class Release:
    """The commands of a release, in a home of their own.

    Args:
        folder: an empty one.
        code: its `src`, or None for the code that is installed.
    """

    def __init__(self, folder: Path, code: Path | None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._environment = {**os.environ, "TELLTALE_HOME": str(self.home)}
        if code is not None:
            self._environment["PYTHONPATH"] = str(code)

    def run(self, *arguments: str, must: bool = True) -> None:
        """Run a command; with `must` unset it may fail, as one that an old release does not have."""
        command = [sys.executable, "-m", "telltale", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, check=False, capture_output=True, text=True
        )
        if done.returncode > 1:
            print(f"telltale {' '.join(arguments)}: {done.stderr.strip()}", file=sys.stderr)
            if must:
                sys.exit(1)

    @contextmanager
    def serving(self, port: int) -> Iterator[str]:
        """A server, and its address."""
        command = [sys.executable, "-m", "telltale", "serve", "--port", str(port)]
        server = subprocess.Popen(command, cwd=self.folder, env=self._environment, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"{url}/readyz").is_success:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=60)


def main() -> None:
    """Make the home and keep it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--code", type=Path)
    parser.add_argument("--port", type=int, default=8911)
    chosen = parser.parse_args()
    for kept, make in ((FOLDER, _use), (KINDS_FOLDER, _answer_as_every_kind)):
        if (kept / f"{chosen.name}.json").exists():
            print(f"{kept / chosen.name} is kept already, and what a release has written is never written anew")
            continue
        if chosen.code is not None and kept == KINDS_FOLDER:
            continue  # what is asked is made by this code, and means something else to another
        with tempfile.TemporaryDirectory() as folder:
            release = Release(Path(folder), chosen.code)
            document = make(release, chosen.port)
            _keep(release, kept / chosen.name, document)


def _keep(release: Release, to: Path, document: dict[str, Any]) -> None:
    backup = back_up(release.home, release.folder / "backup.tar", progress=lambda *_: None)
    to.parent.mkdir(exist_ok=True)
    to.with_name(f"{to.name}.tar.xz").write_bytes(lzma.compress(backup.file.read_bytes(), preset=9))
    document = {"revisions": backup.revisions, **document}
    to.with_name(f"{to.name}.json").write_text(json.dumps(document) + "\n")


def _use(release: Release, port: int) -> dict[str, Any]:
    """Do what people do with it; rows and what the champion says of them."""
    for seed in ("0", "1"):
        release.run("simulate", "helios", "--days", "1.5", "--seed", seed, "-o", f"rows{seed}.csv")
    with (release.folder / "rows0.csv").open() as file:
        rows = list(csv.DictReader(file))[:N_ROWS]
    _write(release.folder / "few.csv", rows)
    _write(release.folder / "bad.csv", [{**rows[0], "error_rate": "-7"}])
    for name in ("few.csv", "bad.csv"):
        release.run("ingest", "helios/metrics", name)
    for seed in ("0", "1"):
        release.run("train", TASK, "--data", f"rows{seed}.csv", "--estimator", "robust_z")
        release.run("promote", TASK, "--version", str(int(seed) + 1), "--override", "--reason", "to be kept")
    release.run("rollback", TASK, "--reason", "to be kept too")
    release.run("score", TASK, "--data", "few.csv", "-o", "scores.csv")
    with (release.folder / "scores.csv").open() as file:
        scored = list(csv.DictReader(file))
    body = {"timestamp": rows[-1]["timestamp"], "service": "sent", **BODY}
    with release.serving(port) as url:
        answer = _post(f"{url}/v1/{TASK}/predict", body)
        _post(f"{url}/v1/helios/events", body, key="once")
        label = {"prediction_id": answer["prediction_id"], "label": 1}
        time.sleep(1)  # until the prediction is in the log
        _post(f"{url}/v1/feedback", label)
    release.run("schedule", "pause", TASK, must=False)
    release.run("keys", "create", "--name", "kept", "--scope", "predict", must=False)
    release.run("report", "--since", "7d", must=False)
    for name in ("state", "events"):
        _fill(release.home / f"{name}.db")
    return {
        "rows": rows,
        "scores": [float(row["score"]) for row in scored],
        "decisions": [row["decision"] in {"True", "true", "1"} for row in scored],
        "body": body,
        "prediction_id": answer["prediction_id"],
        "answer": {name: answer[name] for name in ("score", "decision", "threshold", "version")},
    }


def _answer_as_every_kind(release: Release, port: int) -> dict[str, Any]:
    """A version of each kind beside the one that scores; questions, and what it answers."""
    apps = installed_apps()
    for task, (estimator, n_rows) in KINDS.items():
        release.run("train", task, "--estimator", estimator, *(("--rows", str(n_rows)) if n_rows else ()))
        release.run("promote", task, "--override", "--reason", "to be kept")
    asked = {}
    with release.serving(port) as url:
        for task in KINDS:
            bodies = json.loads(json.dumps(example_bodies(*find_task(apps, task), 3), default=str))
            asked[task] = [{"body": body, "answer": _post(f"{url}/v1/{task}/predict", body)} for body in bodies]
    return {"asked": asked}


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def _post(url: str, body: dict[str, Any], *, key: str = "") -> Any:
    reply = httpx.post(url, json=body, headers={"Idempotency-Key": key} if key else {}, timeout=30)
    return reply.raise_for_status().json()


def _fill(database: Path) -> None:
    """A row in every table that has none, and the file without its free pages."""
    named = {"state": "done", "kind": "retrain", "scopes": '["predict"]', "app": "helios", "task": "anomaly"}
    made_up = {"TEXT": "{}", "INTEGER": 1, "BIGINT": 1_700_000_000_000_000, "FLOAT": 0.5, "BOOLEAN": 0, "BLOB": b"{}"}
    with closing(sqlite3.connect(database)) as connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for (table,) in connection.execute(names).fetchall():
            if connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]:  # noqa: S608 - our own names
                continue
            columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            row = [named.get(name, made_up[kind]) for _, name, kind, *_ in columns]
            marks = ", ".join("?" * len(row))
            connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)  # noqa: S608 - our own names
            print(f"{database.name}: one row made up in {table}")
        connection.commit()
        connection.execute("VACUUM")


if __name__ == "__main__":
    main()
