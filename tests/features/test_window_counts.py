"""How many rows a window holds, and how many values that differ, against counting by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from telltale.contract.plan import Plan, WindowStat
from telltale.features.frame import run_plan
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import ENTITY, TIME

TIMES_S = np.cumsum(np.random.default_rng(3).integers(1, 40, 60)).tolist()
VALUES = np.random.default_rng(4).integers(0, 4, 60).astype(float).tolist()
WINDOW_S, MOST_ROWS = 90.0, 5
PLAN = Plan(
    columns=("a",),
    steps=tuple(
        WindowStat(out=stat, column="a", stat=stat, window_s=WINDOW_S, most_rows=MOST_ROWS)
        for stat in ("count", "distinct")
    ),
    features=("count", "distinct"),
    explained=(),
    history=MOST_ROWS - 1,
    interval_s=20.0,
)


def by_hand(place: int) -> list[float]:
    inside = [at for at in range(place + 1) if TIMES_S[at] > TIMES_S[place] - WINDOW_S][-MOST_ROWS:]
    return [float(len(inside)), float(len({VALUES[at] for at in inside}))]


def rows() -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = pl.Series(TIME, [start + timedelta(seconds=at) for at in TIMES_S], dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame({ENTITY: ["x"] * len(TIMES_S), "a": VALUES}).with_columns(times)


def test_a_frame_counts_as_by_hand() -> None:
    found = run_plan(PLAN, rows()).select("count", "distinct").rows()

    assert [list(row) for row in found] == [by_hand(place) for place in range(len(TIMES_S))]


def test_a_window_counts_as_by_hand() -> None:
    compiled = CompiledPlan(PLAN)
    for place in range(len(TIMES_S)):
        first = max(0, place + 1 - MOST_ROWS)
        sent = [[value] for value in VALUES[first : place + 1]]
        told = compiled.features(compiled.run(sent, TIMES_S[first : place + 1], "x"))

        assert told == by_hand(place)


def test_a_row_alone_is_one_row_of_one_value() -> None:
    alone = run_plan(PLAN, rows(), alone=True).select("count", "distinct").unique().rows()

    assert alone == [(1.0, 1.0)]
    assert CompiledPlan(PLAN).run([[7.0]], [0.0], "")[1:3] == [1.0, 1.0]
