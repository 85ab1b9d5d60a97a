from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from telltale.telemetry.frames import ENTITY, LABEL, LINE, TIME, sort_checked

CheckedFrame = Callable[..., pl.DataFrame]
START_US = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="session")
def made_rows() -> CheckedFrame:
    """Makes checked rows of one metric, `load`; those labelled 1 lie ten spreads out."""

    def make(
        n: int,
        *,
        step_s: float = 300.0,
        labels: Sequence[int | None] | None = None,
        entities: Sequence[str] | None = None,
        has_time: bool = True,
        seed: int = 0,
    ) -> pl.DataFrame:
        times = START_US + np.arange(n) * int(step_s * 1e6)
        load = 100 + np.random.default_rng(seed).normal(size=n)
        if labels is not None:
            load += 10.0 * (np.array([label or 0 for label in labels]) == 1)
        stamps = pl.Series(times if has_time else [None] * n, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
        columns = {
            ENTITY: pl.Series(entities if entities is not None else [""] * n, dtype=pl.String),
            TIME: stamps,
            **({} if labels is None else {LABEL: pl.Series(labels, dtype=pl.Int8)}),
            LINE: pl.Series(range(1, n + 1), dtype=pl.Int64),
            "load": pl.Series(load),
        }
        return sort_checked(pl.DataFrame(columns))

    return make
