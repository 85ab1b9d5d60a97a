"""Which device of this network behaves unusually now? Needs no file; about half a minute.

    python examples/eyenet_devices.py

A network's samples are made up and trained on; then ten minutes of other days come in over HTTP as events, a device at a
time, and each device is asked for by its name alone: the server reads its last five minutes from the store. The model is
the app's default, which needs no torch (see the app's README for the others).
"""

import json
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

import telltale
from telltale.contract.simulation import Simulation
from telltale.home.apps import app_references, installed_apps
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.train.sources import simulated

TASK = "eyenet/anomaly"


def post(address: str, body: bytes) -> Any:
    """The decoded answer, a refusal included."""
    request = urllib.request.Request(address, data=body, method="POST")  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            return json.load(reply)
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


def newest_minutes(samples: pl.DataFrame, *, minutes: int) -> pl.DataFrame:
    """The samples of every device up to a moment when a fault is on."""
    during = samples.filter(pl.col("is_anomaly") == 1)["timestamp"]
    end = during[len(during) // 2]
    return samples.filter(pl.col("timestamp").is_between(end - pl.duration(minutes=minutes), end))


def main() -> None:
    """Train, serve, send, ask."""
    app = installed_apps()["eyenet"]
    with TemporaryDirectory(prefix="telltale-") as scratch, telltale.open(Path(scratch) / "home") as home:
        trained = home.train(TASK, actor="example", simulation=Simulation())
        measured = ", ".join(f"{one.name} {one.value:.2f}" for one in trained.manifest.verdict.targets)
        print(f"trained on {trained.manifest.trained_on.n_rows} rows; gate: {trained.version.outcome} ({measured})")
        home.promote(TASK, str(trained.version.number), actor="example", reason="to look at", override=True)
        samples = newest_minutes(simulated(app, "sample", Simulation(seed=7), days_later=28.0), minutes=20)
        truth = samples.group_by("device_id").agg(pl.col("is_anomaly").last()).sort("device_id")
        with start_background(ServeSettings(home=str(home.folder.path), apps=app_references())) as server:
            sent = samples.select("timestamp", "device_id", *(column.name for column in app.event("sample").columns))
            stamped = sent.with_columns(pl.col("timestamp").dt.to_string("iso:strict"))
            body = "\n".join(json.dumps(row) for row in stamped.iter_rows(named=True))
            stored = post(f"{server.url}/v1/eyenet/events/sample", body.encode())
            print(f"stored {stored['accepted']} samples of {truth.height} devices")
            for device, is_anomaly in truth.iter_rows():
                question = json.dumps({"device_id": device}).encode()
                answer = post(f"{server.url}/v1/eyenet/anomaly/predict", question)
                word = "ANOMALOUS" if answer["is_anomaly"] else "normal"
                why = "".join(f"; {reason['metric']} {reason['value']:.3g}" for reason in answer.get("reasons", ())[:2])
                fault = " (a fault is on)" if is_anomaly else ""
                print(f"{device}: {word}, score {answer['anomaly_score']:.3f} at {answer['timestamp']}{fault}{why}")
            unknown = post(f"{server.url}/v1/eyenet/anomaly/predict", b'{"device_id": "nowhere"}')
            print(f"nowhere: {unknown['detail']}")


if __name__ == "__main__":
    main()
