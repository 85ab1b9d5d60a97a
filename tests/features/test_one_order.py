"""Sums over columns are added in one order, so that the same rows give the same bits every time and everywhere."""

import functools

import numpy as np
import polars as pl

from telltale.contract.plan import Norm, Plan
from telltale.features.frame import run_plan
from telltale.telemetry.frames import ENTITY, LINE, TIME


def test_a_norm_is_the_sum_from_left_to_right_to_the_last_bit() -> None:
    n, names = 900, tuple(f"c{place}" for place in range(13))
    values = np.random.default_rng(0).normal(size=(len(names), n))
    frame = pl.DataFrame(
        {ENTITY: [""] * n, TIME: pl.Series([None] * n, dtype=pl.Datetime("us", "UTC")), LINE: range(n)}
        | dict(zip(names, values, strict=True))
    )
    plan = Plan(
        columns=names,
        steps=(Norm(out="norm", columns=names),),
        features=("norm",),
        explained=(),
        history=0,
        interval_s=0.0,
    )
    squares = functools.reduce(np.add, [column**2 for column in values])
    expected = np.sqrt(squares * (1.0 / len(names)))  # Polars divides so

    for _ in range(50):
        assert np.array_equal(run_plan(plan, frame)["norm"].to_numpy(), expected)
