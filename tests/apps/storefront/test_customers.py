"""Customers made from orders: what they did until a moment, and what they spent after, nothing of it mixed up."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.customers import CUSTOMER, NEXT_DAYS, customers_at, customers_from_orders, order_lines
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.telemetry.raw_rows import rows_from_objects
from telltale.telemetry.validate import check_rows
from telltale.train.sources import check_simulated

START = datetime(2024, 1, 1, tzinfo=UTC)


def lines(*rows: tuple[str, float, str, float, float]) -> pl.DataFrame:
    """Order lines: customer, day, item, pieces, price."""
    return pl.DataFrame(
        {
            ENTITY: [row[0] for row in rows],
            TIME: pl.Series([START + timedelta(days=row[1]) for row in rows]).dt.cast_time_unit("us"),
            LINE: pl.Series(range(1, len(rows) + 1), dtype=pl.Int64),
            "item_id": [row[2] for row in rows],
            "quantity": [row[3] for row in rows],
            "unit_price": [row[4] for row in rows],
        }
    ).sort(ENTITY, TIME, LINE)


ORDERS = lines(
    ("ann", 0, "a", 2, 10.0),
    ("ann", 0, "b", 1, 5.0),
    ("ann", 20, "a", 1, 10.0),
    ("ann", 25, "a", -1, 10.0),
    ("bob", 30, "c", 1, 7.0),
    ("ann", 110, "a", 4, 10.0),
    ("bob", 200, "c", 1, 7.0),
)


def test_a_customer_is_what_their_orders_until_then_say() -> None:
    ann, bob = customers_at(order_lines(ORDERS), START + timedelta(days=100)).rows(named=True)

    assert (ann["user_id"], bob["user_id"]) == ("ann", "bob")
    assert (ann["n_orders"], ann["spend"], ann["n_items"]) == (2, 35.0, 2)
    assert (ann["recency_days"], ann["tenure_days"], ann["mean_gap_days"]) == (80.0, 100.0, 20.0)
    assert (ann["recent_orders"], ann["recent_spend"]) == (1, 10.0)  # the first order is older than 90 days
    assert (ann["mean_order"], ann["largest_order"], ann["basket_lines"]) == (17.5, 25.0, 1.5)
    assert ann["returned_share"] == pytest.approx(1 / 4)
    assert (ann["next_spend"], ann["next_orders"]) == (40.0, 1)
    assert (bob["n_orders"], bob["mean_gap_days"], bob["next_spend"]) == (1, None, 0.0)  # day 200 is beyond the 90


def test_what_came_later_has_no_part_in_what_was_before() -> None:
    moment = START + timedelta(days=100)
    before = order_lines(ORDERS.filter(pl.col(TIME) < moment))
    known = [column.name for column in CUSTOMER.columns if not column.name.startswith("next_")]

    assert customers_at(before, moment).select(known).equals(customers_at(order_lines(ORDERS), moment).select(known))


def test_where_the_days_after_are_not_over_nothing_is_said_of_them() -> None:
    last = customers_at(order_lines(ORDERS), START + timedelta(days=150))

    assert last["next_spend"].null_count() == last.height == 2


def test_orders_give_customers_as_of_their_end_and_of_moments_whose_days_after_are_over() -> None:
    derived = customers_from_orders(ORDERS)
    times = derived.frame["timestamp"].unique().sort().str.to_datetime(time_zone="UTC").to_list()

    assert times[-1] == START + timedelta(days=200, seconds=1)
    assert all(times[-1] - moment >= timedelta(days=NEXT_DAYS) for moment in times[:-1])
    assert all(moment - START >= timedelta(days=60) for moment in times)
    assert len(times) == 3
    newest = derived.frame.filter(pl.col("timestamp") == pl.col("timestamp").max())
    assert newest["next_spend"].null_count() == newest.height


def test_lines_of_nobody_are_left_out_by_name() -> None:
    derived = customers_from_orders(lines(("", 0, "a", 1, 1.0), ("ann", 1, "a", 1, 1.0)))

    assert derived.left_out == {1: "no user_id or no timestamp"}
    assert derived.frame["user_id"].to_list() == ["ann"]


def test_made_rows_pass_the_check_that_real_ones_take_and_are_the_same_again() -> None:
    orders = check_simulated(APP, "order", Simulation(days=200.0, seed=3)).frame
    derived = customers_from_orders(orders)

    assert check_rows(CUSTOMER, rows_from_objects(derived.frame.to_dicts()), require_time=True).quarantined == ()
    assert customers_from_orders(orders).frame.equals(derived.frame)
    assert derived.frame["next_spend"].count() > 200
