from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from telltale.telemetry.frames import ENTITY, LABEL, LINE, TIME, sort_checked

CheckedFrame = Callable[..., pl.DataFrame]
START_US = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="session")
def checked_frame() -> CheckedFrame:
    """Makes a checked frame from columns of values."""

    def make(
        values: Mapping[str, Sequence[float | str | None]],
        *,
        times_us: Sequence[int] | None = None,
        step_s: float = 300.0,
        entities: Sequence[str] | None = None,
        labels: Sequence[int | None] | None = None,
    ) -> pl.DataFrame:
        n = len(next(iter(values.values())))
        times = START_US + np.arange(n) * int(step_s * 1e6) if times_us is None else np.array(times_us, dtype=np.int64)
        columns = {
            ENTITY: pl.Series(entities if entities is not None else [""] * n, dtype=pl.String),
            TIME: pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            **({} if labels is None else {LABEL: pl.Series(labels, dtype=pl.Int8)}),
            LINE: pl.Series(range(1, n + 1), dtype=pl.Int64),
        }
        measured = {
            name: pl.Series(list(given), dtype=pl.String if any(isinstance(one, str) for one in given) else pl.Float64)
            for name, given in values.items()
        }
        return sort_checked(pl.DataFrame({**columns, **measured}))

    return make
