"""One server's metrics, from a file to predictions over HTTP with reasons, by the Python API.

    python examples/asd_machine.py omi-1.test.parquet

The file has one row per five minutes, any number of numeric columns, no time, and maybe a column `label`. Beside a file
called `X.test.parquet` an `X.train.parquet` is looked for, and the other way round: then the first is trained on and the
second sent to the server. Of a file without a partner, the first four fifths are trained on and the rest is sent.
"""

import json
import sys
import urllib.request
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

import telltale
from telltale.home.apps import app_references
from telltale.models.runtimes import scoring
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

TASK = "helios/anomaly"
SHOWN = 5
# The model follows the rows that it is sent: those before the one that is decided tell what has been usual of late.
HISTORY = 30


def read(path: Path) -> pl.DataFrame:
    """A Parquet or CSV file."""
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)


def known_and_new(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to train on, and rows that come later."""
    train, test = (path.with_name(path.name.replace(*swap)) for swap in ((".test.", ".train."), (".train.", ".test.")))
    if train != test and train.is_file() and test.is_file():
        return read(train), read(test)
    rows = read(path)
    cut = rows.height * 4 // 5
    return rows[:cut], rows[cut:]


def predict(url: str, rows: list[dict[str, float]], *, history: int) -> list[dict[str, Any]]:
    """An answer for every row, each sent with some rows before it."""
    windows = ({"rows": rows[max(0, place - history) : place + 1], "explain": True} for place in range(len(rows)))
    body = "\n".join(json.dumps(window) for window in windows).encode()
    request = urllib.request.Request(f"{url}/v1/{TASK}/predict:batch", data=body, method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        return [json.loads(line) for line in reply]


def tell(answers: list[dict[str, Any]], labels: list[int] | None, *, threshold: float) -> None:
    """What was flagged, how much of it was labelled, and the strangest rows with their reasons."""
    flagged = [answer.get("decision", False) for answer in answers]
    print(f"{sum(flagged)} of {len(flagged)} rows are flagged; threshold {threshold:.3f}")
    if labels is not None:
        incidents = [list(rows) for label, rows in groupby(range(len(labels)), key=labels.__getitem__) if label == 1]
        found = sum(any(flagged[place] for place in incident) for incident in incidents)
        right = sum(flag for flag, label in zip(flagged, labels, strict=True) if label == 1)
        print(f"labelled: {sum(labels)} rows in {len(incidents)} incidents; {found} incidents have a flag,")
        print(f"          {right} of {sum(flagged)} flags are in an incident")
    print(f"\nThe {SHOWN} strangest rows:")
    for place in sorted(range(len(answers)), key=lambda place: -answers[place].get("score", 0.0))[:SHOWN]:
        answer = answers[place]
        known = "" if labels is None else ", labelled an anomaly" if labels[place] == 1 else ", not labelled"
        print(f"  row {place}: score {answer['score']:.3f}{known}")
        for why in answer.get("reasons", []):
            expected = f"{why['expected_low']:.3g} to {why['expected_high']:.3g}"
            n = why.get("rows_before", 0)
            before = f", {n} row{'s' if n > 1 else ''} before" if n else ""
            print(f"    {why['metric']} is {why['value']:.3g}{before}, expected {expected}")


def main(path: Path) -> None:
    """File, train, promote, serve, predict."""
    known, new = known_and_new(path)
    with TemporaryDirectory(prefix="telltale-") as scratch, telltale.open(Path(scratch) / "home") as home:
        data = Path(scratch) / "known.parquet"
        known.write_parquet(data)
        trained = home.train(TASK, data=data)
        runtime = scoring(home.load(TASK)[1])
        print(f"{path.name}: trained on {trained.manifest.trained_on.n_rows} rows in {trained.seconds:.1f} s")
        print(f"gate: {trained.version.outcome}; threshold from {trained.as_document()['threshold_from']}")
        # Without labels there is no evidence, and with few the gate may say no: a person takes it on, and it is on record.
        home.promote(TASK, str(trained.version.number), actor="example", reason="to look at", override=True)
        settings = ServeSettings(home=str(Path(scratch) / "home"), apps=app_references())
        with start_background(settings) as server:
            rows = new.select(runtime.columns).to_dicts()
            answers = predict(server.url, rows, history=max(runtime.history, HISTORY))
            labels = new["label"].fill_null(0).to_list() if "label" in new.columns else None
            tell(answers, labels, threshold=runtime.threshold)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FILE")
    main(Path(sys.argv[1]))
