"""A real Prometheus on loopback, filled with the week of a service: counters, a latency histogram, and incidents."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.faults.kills import free_port

STEP_S = 300.0
SCRAPE_S = 60.0
BOUNDS_MS = (5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000)


@contextmanager
def prometheus_server(folder: Path, openmetrics: str = "", *options: str, web: str = "") -> Iterator[str]:
    """Its address, as `http://127.0.0.1:PORT`; with past values from a text in OpenMetrics, and a `web.yml` where given."""
    program, promtool = shutil.which("prometheus"), shutil.which("promtool")
    if program is None or promtool is None:
        pytest.skip("Prometheus is not installed: `make system`, or the package prometheus")
    data, port = folder / "tsdb", free_port()
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    (folder / "web.yml").write_text(web)
    if openmetrics:
        (folder / "past.om").write_text(openmetrics)
        made = (promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=336h")
        subprocess.run([*made, str(folder / "past.om"), str(data)], check=True, capture_output=True)
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=50y",
        *options,
    ]
    with (folder / "prometheus.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}", server, folder / "prometheus.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def service_metrics(rows: pl.DataFrame, *, job: str, begin: datetime) -> list[str]:
    """Lines in OpenMetrics of a service whose rows helios has: what its counters and its histogram would have counted.

    Args:
        rows: of `helios/metrics`, `STEP_S` apart.
        job: the service's name.
        begin: when the first row's five minutes begin; aware.
    """
    counts = rows["event_count"].to_numpy()
    errors = counts * rows["error_rate"].to_numpy()
    edges: NDArray[np.float64] = np.arange(len(counts) + 1, dtype=np.float64) * STEP_S
    at = np.arange(0.0, edges[-1] + 1.0, SCRAPE_S, dtype=np.float64)

    def counter(each: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(at, edges, np.concatenate([[0.0], np.cumsum(each)])), dtype=np.float64)

    stamps = at + begin.timestamp()
    lines = _samples(
        "http_requests_total", f'job="{job}",instance="{job}:80",code="200"', counter(counts - errors), stamps
    )
    lines += _samples("http_requests_total", f'job="{job}",instance="{job}:80",code="500"', counter(errors), stamps)
    quantiles = np.column_stack([rows[f"p{p}_latency_ms"].to_numpy() for p in (50, 95, 99)])
    shares = np.array([np.interp(BOUNDS_MS, [0.0, *q, q[-1] * 1.5], [0.0, 0.5, 0.95, 0.99, 1.0]) for q in quantiles])
    for bound, share in zip([*(f"{b / 1_000:g}" for b in BOUNDS_MS), "+Inf"], [*shares.T, 1.0], strict=True):
        labels = f'job="{job}",instance="{job}:80",le="{bound}"'
        lines += _samples("http_request_duration_seconds_bucket", labels, counter(counts * share), stamps)
    flags = np.concatenate([[0.0], rows["is_anomaly"].to_numpy().astype(float)])
    lines += _samples("incident", f'job="{job}"', flags, edges + begin.timestamp())
    return lines


def openmetrics(lines: Sequence[str]) -> str:
    """The lines as a whole exposition; of a kind that no name contradicts."""
    return "\n".join([*lines, "# EOF", ""])


def _samples(name: str, labels: str, values: NDArray[np.float64], stamps: NDArray[np.float64]) -> list[str]:
    return [f"{name}{{{labels}}} {value:.6f} {at:.0f}" for value, at in zip(values, stamps, strict=True)]


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 30.0
    while time.monotonic() < give_up_at:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(f"{address}/-/ready", timeout=1.0):  # noqa: S310 - of loopback
                return
        except URLError as error:
            if getattr(error, "code", 0) in {401, 403}:  # it wants a key, and is there
                return
            time.sleep(0.05)
    pytest.fail(f"Prometheus did not start: {log.read_text()}")
