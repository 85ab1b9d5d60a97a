"""One labelled series, from a file to predictions over HTTP with reasons, by the command line and the event store.

    python examples/kpi_series.py cpu4.parquet

The file has `timestamp` (epoch seconds), `value`, and `label` (0 or 1). The first four fifths are ingested, and a version
is trained on the store. Then a server is started and the last fifth is sent to it as events, which it stores and scores,
each with the rows that the store holds before it.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

TASK, EVENT = "helios/anomaly", "helios/metrics"
SHOWN = 5
AT_ONCE = 1_000  # events in one request
WINDOW = 12  # rows before the one to be explained; more than its features look back on are ignored


def telltale(*arguments: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a command with --json; status 1 is an answer too: a gate said no, or rows were set aside."""
    command = [sys.executable, "-m", "telltale", *arguments, "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode > 1:
        sys.exit(done.returncode)  # it has said why
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """`telltale serve` on a free port, until the block ends; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "telltale", "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=1).close()  # noqa: S310 - our own server
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def post(url: str, document: object) -> dict[str, Any]:
    """The answer to a JSON document."""
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        answer: dict[str, Any] = json.load(reply)
        return answer


def send(url: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store rows as events; the prediction for each."""
    answers = []
    for first in range(0, len(rows), AT_ONCE):
        answers += post(f"{url}/v1/helios/events/metrics?score=true", rows[first : first + AT_ONCE])["predictions"]
    return answers


def explain(url: str, window: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reasons for the last row of a window, flagged or not."""
    rows = [{name: row[name] for name in ("timestamp", "value")} for row in window]
    reasons: list[dict[str, Any]] = post(f"{url}/v1/{TASK}/predict", {"rows": rows, "explain": True})["reasons"]
    return reasons


def tell(url: str, rows: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    """What was flagged, how much of it was labelled, and the strangest rows with their reasons."""
    flagged = [row for row, answer in zip(rows, answers, strict=True) if answer["decision"]]
    right = sum(row["label"] == 1 for row in flagged)
    print(f"{len(flagged)} of {len(rows)} rows are flagged; threshold {answers[0]['threshold']:.3f}")
    print(f"labelled: {sum(row['label'] == 1 for row in rows)} rows; {right} of {len(flagged)} flags are on them")
    print(f"\nThe {SHOWN} strangest rows:")
    for place in sorted(range(len(rows)), key=lambda place: -answers[place]["score"])[:SHOWN]:
        row, answer = rows[place], answers[place]
        at = datetime.fromtimestamp(row["timestamp"], tz=UTC)
        known = "labelled an anomaly" if row["label"] == 1 else "not labelled"
        print(f"  {at:%Y-%m-%d %H:%M}: score {answer['score']:.3f}, {known}")
        for why in explain(url, rows[max(0, place - WINDOW) : place + 1]):
            expected = f"{why['expected_low']:.3g} to {why['expected_high']:.3g}"
            when = f"at {why['at']}" if why.get("rows_before") else "at that time"
            print(f"    {why['metric']} is {why['value']:.3g}, expected {expected} {when}")


def main(path: Path) -> None:
    """File, ingest, train, promote, serve, predict."""
    rows = (pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)).sort("timestamp")
    cut = rows.height * 4 // 5
    with TemporaryDirectory(prefix="telltale-") as scratch:
        environment = {**os.environ, "TELLTALE_HOME": str(Path(scratch) / "home")}
        data = Path(scratch) / "known.parquet"
        rows[:cut].write_parquet(data)
        telltale("ingest", EVENT, str(data), environment=environment)
        trained = telltale("train", TASK, environment=environment)
        print(f"{path.name}: trained on {trained['n_train']} rows of the {trained['data_kind']}")
        print(f"gate: {trained['verdict']}; threshold from {trained['threshold_from']}")
        # A few labelled rows are little evidence, and the gate may say no: a person takes it on, and it is on record.
        telltale("promote", TASK, "--override", "--reason", "to look at", environment=environment)
        with serving(environment) as url:
            new = rows[cut:].select("timestamp", "value", "label").to_dicts()
            tell(url, new, send(url, new))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FILE")
    main(Path(sys.argv[1]))
