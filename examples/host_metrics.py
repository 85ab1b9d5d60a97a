"""This machine's own metrics, from the collector to a served prediction with reasons. Needs psutil; takes half a minute.

    python examples/host_metrics.py

Collects 120 rows of CPU, memory, disk and network, trains on them, promotes, serves; then asks over HTTP what the server
thinks of now, and of now with every core busy and the disk written to.
"""

import json
import multiprocessing
import os
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import telltale
from telltale.home.apps import app_references
from telltale.models.runtimes import scoring
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.telemetry.host import collect_host

TASK = "helios/anomaly"
INTERVAL_S, N_ROWS = 0.1, 120


def spin(until: float) -> None:
    """Do nothing, as hard as one core can."""
    while time.monotonic() < until:
        pass


def write(until: float, path: Path) -> None:
    """Write the same 64 MB over and over."""
    block = os.urandom(1 << 20)
    while time.monotonic() < until:
        with path.open("wb") as file:
            for _ in range(64):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def busy(seconds: float, folder: Path) -> Iterator[None]:
    """Every core busy, and the disk, for a while."""
    spawn = multiprocessing.get_context("spawn")
    until = time.monotonic() + seconds
    at_work = [spawn.Process(target=spin, args=(until,)) for _ in range(os.cpu_count() or 1)]
    at_work.append(spawn.Process(target=write, args=(until, folder / "written")))
    for process in at_work:
        process.start()
    yield
    for process in at_work:
        process.join()


def ask(url: str, *, history: int) -> dict[str, Any]:
    """What the server says of this moment: the last row collected is decided, the rows before it are its window."""
    rows = deque(collect_host(INTERVAL_S, history + 1), maxlen=history + 1)
    body = json.dumps({"rows": list(rows), "explain": True}).encode()
    request = urllib.request.Request(f"{url}/v1/{TASK}/predict", data=body, method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        answer: dict[str, Any] = json.load(reply)
        return answer


def tell(when: str, answer: dict[str, Any]) -> None:
    """A prediction in words."""
    word = "ANOMALOUS" if answer["decision"] else "normal"
    print(f"{when}: {word}, score {answer['score']:.3f}, threshold {answer['threshold']:.3f}")
    for why in answer["reasons"]:
        expected = f"{why['expected_low']:.4g} to {why['expected_high']:.4g}"
        print(f"    {why['metric']} is {why['value']:.4g}, expected {expected}")


def main() -> None:
    """Collect, train, promote, serve, ask."""
    with TemporaryDirectory(prefix="telltale-") as scratch, telltale.open(Path(scratch) / "home") as home:
        data = Path(scratch) / "host.ndjson"
        print(f"collecting {N_ROWS} rows, {INTERVAL_S:g} s apart")
        with data.open("w") as file:
            for row in collect_host(INTERVAL_S, N_ROWS):
                file.write(json.dumps(row) + "\n")
        trained = home.train(TASK, data=data)
        print(
            f"trained on {trained.manifest.trained_on.n_rows} rows; gate: {trained.version.outcome}, for want of labels"
        )
        home.promote(TASK, str(trained.version.number), actor="example", reason="no labels; to look at")
        runtime = scoring(home.load(TASK)[1])
        with start_background(ServeSettings(home=str(home.folder.path), apps=app_references())) as server:
            history = runtime.history
            tell("now", ask(server.url, history=history))
            with busy((history + 4) * INTERVAL_S, Path(scratch)):
                tell("with every core and the disk busy", ask(server.url, history=history))


if __name__ == "__main__":
    main()
