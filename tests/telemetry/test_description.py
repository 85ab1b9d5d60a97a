import math

import polars as pl
import pytest

from telltale.telemetry.description import column_figures, label_figures


def test_figures_are_those_of_the_values_that_are_there() -> None:
    frame = pl.DataFrame(
        {"speed": [1, 2, 3, 4, None], "who": ["a"] * 5, "empty": pl.Series([None] * 5, dtype=pl.Float64)}
    )

    (found,) = column_figures(frame, frame.columns)

    assert (found.name, found.n, found.n_missing) == ("speed", 4, 1)
    assert found.mean == 2.5
    assert found.deviation == pytest.approx(math.sqrt(5 / 3))
    assert (found.least, found.quarter, found.median, found.three_quarters, found.most) == (1, 1.75, 2.5, 3.25, 4)


def test_one_value_has_no_deviation() -> None:
    (found,) = column_figures(pl.DataFrame({"speed": [7.0]}), ["speed"])

    assert (found.mean, found.median) == (7.0, 7.0)
    assert math.isnan(found.deviation)


def test_the_share_is_of_rows_that_are_labelled() -> None:
    frame = pl.DataFrame({"is_legitimate": [1, 1, 1, 0, None], "other": [None] * 5})

    found = label_figures(frame, "is_legitimate")

    assert found is not None
    assert found.text == "Legitimate: 3 (75.0%)"
    assert label_figures(frame, "other") is None
    assert label_figures(frame, "gone") is None
