"""Rules for segments, and the round values that people cut at."""

import numpy as np
import polars as pl
import pytest

from telltale.contract.plan import ForwardFill, Log, Plan, Sum
from telltale.features.frame import feature_matrix
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.readable_cuts import readable_cuts, round_values
from telltale.train.segment_rules import EVERYBODY, condition_text, segment_rules


def values(n: int = 400, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {"n_orders": rng.integers(0, 12, n).astype(float), "recency_days": rng.uniform(0, 200, n), "word": ["x"] * n}
    )


def test_a_division_by_round_values_is_said_as_it_was_made() -> None:
    frame = values()
    is_best = (frame["n_orders"].to_numpy() >= 5) & (frame["recency_days"].to_numpy() < 50)

    best, rest = segment_rules(frame, np.where(is_best, 0, 1))

    assert best.text in {"at least 5 orders, recency below 50 days", "recency below 50 days, at least 5 orders"}
    assert (best.precision, best.recall) == (1.0, 1.0)
    assert rest.recall > 0.5


def test_a_rule_says_how_well_it_says_it() -> None:
    frame = values()
    which = np.random.default_rng(1).integers(0, 2, frame.height)  # nothing tells these apart

    rules = segment_rules(frame, which)

    for segment, rule in enumerate(rules):
        assert rule.precision == pytest.approx((which == segment).mean(), abs=0.1)


def test_everybody_is_a_rule_too() -> None:
    assert segment_rules(values(), np.zeros(400, dtype=np.int64))[0].text == EVERYBODY


def test_no_condition_holds_of_a_missing_value() -> None:
    frame = values().with_columns(pl.when(pl.int_range(400) % 2 == 0).then("recency_days").alias("recency_days"))
    which = frame["recency_days"].is_null().cast(pl.Int64).to_numpy()

    known, _missing = segment_rules(frame, which)

    assert known.precision == 1.0


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [("spend", 1500.0, "spend at least 1,500"), ("cart_share", 0.2, "cart share at least 20 %")],
)
def test_conditions_are_told_in_the_columns_words(column: str, value: float, text: str) -> None:
    assert condition_text(column, value, is_least=True) == text


def test_round_values_lie_between_the_ends_and_rise() -> None:
    found = round_values(np.array([0.2, 37.5]))

    assert found[0] == 0.3
    assert found[-1] == 30.0
    assert (np.diff(found) > 0).all()
    assert round_values(np.empty(0)).tolist() == []
    assert round_values(np.array([-5.0, 5.0]))[0] == -4.0


def test_cuts_are_where_rows_at_round_values_are_told_apart() -> None:
    plan = Plan(
        columns=("spend", "gap"),
        steps=(
            Log(out="spend_log", column="spend", scale=1.0),
            ForwardFill(out="gap_known", column="gap", limit=0, otherwise=3.0),
            Log(out="gap_log", column="gap_known", scale=2.0),
            Sum(out="both", columns=("spend_log", "gap_log"), weights=(1.0, 1.0)),
        ),
        features=("spend_log", "gap_log", "both"),
        explained=(),
        history=0,
        interval_s=0.0,
    )
    n = 300
    frame = pl.DataFrame(
        {
            ENTITY: ["a"] * n,
            TIME: pl.Series([0] * n).cast(pl.Datetime("us", "UTC")),
            "spend": [float(number % 100) for number in range(n)],
            "gap": [None if number % 7 == 0 else number / 10 for number in range(n)],
        }
    )
    features = feature_matrix(plan, frame)

    spend, gap, both = readable_cuts(plan, frame, features)

    assert (spend.column, gap.column, both.column) == ("spend", "gap", "both")
    for place, one in ((0, spend), (1, gap)):
        known = frame[one.column].is_not_null().to_numpy()
        for value, cut in zip(one.values.tolist(), one.cuts.tolist(), strict=True):
            above = frame[one.column].fill_null(-1.0).to_numpy() >= value
            assert ((features[:, place] >= cut) == above)[known].all(), (one.column, value)
    assert len(both.cuts) > 3
