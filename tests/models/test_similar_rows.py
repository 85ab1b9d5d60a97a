"""What rows tell of things: the last that is said of each counts."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from telltale.contract.errors import SchemaError
from telltale.contract.kinds import Similarity
from telltale.models.similarity.rows import Told, things_told
from telltale.telemetry.frames import TIME, TIME_DTYPE

SIMILARITY = Similarity(item="name", fingerprints="prints", figures=("size", "age"), removed="gone")
START = datetime(2024, 1, 1, tzinfo=UTC)


def rows(
    *told: tuple[str | None, list[float] | None, float | None, float | None], hours: list[int] | None = None
) -> pl.DataFrame:
    n = len(told)
    return pl.DataFrame(
        {
            TIME: pl.Series([START + timedelta(hours=at) for at in hours or range(n)], dtype=TIME_DTYPE),
            "name": pl.Series([name for name, *_ in told], dtype=pl.String),
            "prints": pl.Series([prints for _, prints, *_ in told], dtype=pl.List(pl.Float64)),
            "size": pl.Series([size for *_, size, _ in told], dtype=pl.Float64),
            "age": pl.Series([None] * n, dtype=pl.Float64),
            "gone": pl.Series([gone for *_, gone in told], dtype=pl.Float64),
        }
    )


def sets_of(told: Told) -> dict[str, list[int]]:
    things = told.there
    return {
        name: things.fingerprints[things.starts[place] : things.starts[place + 1]].tolist()
        for place, name in enumerate(things.names)
    }


def test_the_last_fingerprints_and_figures_of_a_thing_count() -> None:
    told = things_told(rows(("a", [1.0, 2.0], 5.0, 0.0), ("b", [3.0], None, None), ("a", None, 6.0, None)), SIMILARITY)

    assert sets_of(told) == {"a": [1, 2], "b": [3]}
    assert np.array_equal(told.there.figures, [[6.0, np.nan], [np.nan, np.nan]], equal_nan=True)
    assert told.went == ()


def test_time_orders_rows_and_not_their_place() -> None:
    told = things_told(rows(("a", [1.0], 5.0, 0.0), ("a", [2.0], 6.0, 0.0), hours=[9, 3]), SIMILARITY)

    assert sets_of(told) == {"a": [1]}
    assert told.there.figures[0, 0] == 5.0


def test_what_went_is_told_and_what_came_back_is_there_without_what_it_was() -> None:
    told = things_told(
        rows(("a", [1.0], 5.0, 0.0), ("a", None, None, 1.0), ("b", [2.0], 5.0, 1.0), ("a", [9.0], None, 0.0)),
        SIMILARITY,
    )

    assert sets_of(told) == {"a": [9]}
    assert np.isnan(told.there.figures).all()
    assert told.went == ("a", "b")


def test_what_cannot_be_compared_or_has_no_name_is_left_out() -> None:
    told = things_told(rows(("a", None, None, 0.0), ("b", [], None, 0.0), (None, [1.0], 1.0, 0.0)), SIMILARITY)
    nothing = things_told(rows(), SIMILARITY)

    assert sets_of(told) == sets_of(nothing) == {}
    assert told.there.figures.shape == (0, 2)
    assert told.there.starts.tolist() == [0]


def test_figures_alone_are_something() -> None:
    told = things_told(rows(("a", None, 1.0, None), ("b", [], 2.0, None), ("c", [4.0], None, None)), SIMILARITY)

    assert sets_of(told) == {"a": [], "b": [], "c": [4]}


def test_where_nothing_ever_goes_and_nothing_is_measured_sets_are_enough() -> None:
    frame = rows(("a", [1.0], 5.0, 1.0), ("b", [2.0], None, None)).drop("gone", "size", "age")

    told = things_told(frame, Similarity(item="name", fingerprints="prints"))

    assert sets_of(told) == {"a": [1], "b": [2]}
    assert told.there.figures.shape == (2, 0)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="gone"):
        things_told(rows(("a", [1.0], 5.0, 1.0)).drop("gone"), SIMILARITY)
