"""A made-up series of one column, and a home with a version of helios/anomaly that follows it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from telltale.apps.helios import APP
from telltale.apps.helios.schema import METRICS
from telltale.home import Home
from telltale.home.apps import installed_apps
from telltale.storage.folder import open_folder
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows

START = datetime(2025, 3, 3, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
N_TRAIN = 1_200
WHOSE = ("helios", "anomaly", 1)
_PER_DAY = 288


def series(first: int, n: int, *, service: str = "web") -> list[dict[str, Any]]:
    """Rows `first` to `first + n` of a daily course with noise; a level twice as high for some rows of each 700."""
    rng = np.random.default_rng(len(service))
    places = np.arange(first + n)
    noise = rng.normal(size=first + n)
    values = 100.0 + 20.0 * np.sin(2 * np.pi * places / _PER_DAY) + 3.0 * noise
    values[places % 700 >= 690] *= 2.0
    return [
        {"timestamp": (START + place * INTERVAL).isoformat(), "service": service, "value": float(values[place])}
        for place in range(first, first + n)
    ]


def checked(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The rows as a checked frame."""
    return check_rows(METRICS, rows_from_objects(rows), require_time=True).frame


def store(home: Home, rows: Sequence[dict[str, Any]]) -> None:
    """Store rows of the series."""
    EventStore(home.folder.events).add(
        "helios", "metrics", checked(rows), ("value",), source="test", now=datetime.now(UTC)
    )


def open_home(path: Path) -> Home:
    """A home, opened with every app."""
    return Home(open_folder(path), {**installed_apps(), "helios": APP})


def made_home(path: Path, *, estimator: str = "") -> Home:
    """A home with a champion that was trained on the first rows of the series."""
    from telltale.train.fitted import TrainingChoices

    home = open_home(path)
    file = path.parent / "plain.ndjson"
    pl.DataFrame(series(0, N_TRAIN)).write_ndjson(file)
    home.train("helios/anomaly", data=file, choices=TrainingChoices(estimator=estimator))
    home.promote("helios/anomaly", "1", actor="test", reason="first", override=True)
    return home
