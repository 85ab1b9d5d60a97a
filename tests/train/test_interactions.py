"""Who took what, from rows: how much each says, what an item is, and whom it was."""

from datetime import UTC, datetime, timedelta

import polars as pl

from telltale.contract.kinds import Ranking
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.rank import interactions

START = datetime(2024, 1, 1, tzinfo=UTC)
RANKING = Ranking(
    item="item", kind="kind", kind_weights={"purchase": 4.0}, attributes=("category", "tags"), segment="segment"
)


def rows(**columns: list[object]) -> pl.DataFrame:
    """Four rows, an hour apart: u2 a, u1 b, u1 a, u2 b."""
    return sort_checked(
        pl.DataFrame(
            {
                ENTITY: ["u2", "u1", "u1", "u2"],
                TIME: pl.Series([START + timedelta(hours=place) for place in range(4)]).dt.cast_time_unit("us"),
                LINE: pl.Series(range(1, 5), dtype=pl.Int64),
                "item": ["a", "b", "a", "b"],
                **columns,
            }
        )
    )


def test_a_row_weighs_what_its_kind_says_and_one_where_that_is_not_known() -> None:
    made = interactions(rows(kind=["purchase", "view", None, "purchase"]), RANKING)[2]

    assert list(zip(made.users.tolist(), made.items.tolist(), made.weights.tolist(), strict=True)) == [
        (0, 1, 1.0),
        (0, 0, 1.0),
        (1, 0, 4.0),
        (1, 1, 4.0),
    ]


def test_of_what_an_item_is_the_latest_row_that_says_it_counts_whoevers_it_is() -> None:
    made = interactions(
        rows(
            category=["old", "mugs", "new", None],
            tags=[["x"], None, ["gift", "gift", "red"], None],
        ),
        RANKING,
    )[2]

    assert made.attributes == {"category": (("new",), ("mugs",)), "tags": (("gift", "red"), ())}


def test_somebody_belongs_to_the_latest_segment_told() -> None:
    assert interactions(rows(segment=["s1", None, None, "s2"]), RANKING)[2].segments == ("", "s2")
    assert interactions(rows(segment=[None, None, None, None]), RANKING)[2].segments == ()


def test_columns_that_are_not_there_say_nothing() -> None:
    made = interactions(rows(), RANKING)[2]

    assert made.weights.tolist() == [1.0] * 4
    assert (made.attributes, made.segments) == ({}, ())


def test_rows_of_one_stand_together_oldest_first() -> None:
    entities, items, made = interactions(rows(), RANKING)

    assert (entities, items) == (("u1", "u2"), ("a", "b"))
    assert (made.users.tolist(), made.items.tolist()) == ([0, 0, 1, 1], [1, 0, 0, 1])
    assert (made.times_s - made.times_s.min()).tolist() == [3_600.0, 7_200.0, 0.0, 10_800.0]
