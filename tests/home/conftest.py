import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from telltale.home import Home, open_home

WriteCsv = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with open_home(tmp_path / "home") as found:
        yield found


@pytest.fixture
def write_csv(tmp_path: Path) -> WriteCsv:
    """Writes a CSV file of columns, with a time every five minutes unless told otherwise."""

    def write(
        name: str, columns: Mapping[str, Sequence[object]], *, time: str | None = "timestamp", start_day: int = 0
    ) -> Path:
        n = len(next(iter(columns.values())))
        start = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=start_day)
        stamps = [(start + timedelta(minutes=5 * i)).isoformat() for i in range(n)]
        table = {**({time: stamps} if time else {}), **columns}
        path = tmp_path / name
        with path.open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(table)
            out.writerows(zip(*table.values(), strict=True))
        return path

    return write


@pytest.fixture
def load_rows() -> Callable[..., dict[str, list[float]]]:
    """Makes one metric, `load`, ten spreads too high in every twentieth row, and its label."""

    def make(n: int, *, seed: int = 0, is_labelled: bool = True) -> dict[str, list[float]]:
        labels = (np.arange(n) % 20 == 7).astype(float)
        load = 100 + np.random.default_rng(seed).normal(size=n) + 10 * labels
        return {"load": load.tolist(), **({"is_anomaly": labels.astype(int).tolist()} if is_labelled else {})}

    return make
