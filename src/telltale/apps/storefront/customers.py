"""Customers as of a moment, made from their orders: what they did until then and, where it is known, what they spent after.

One row is a customer as of the last order of all, or as of an earlier moment whose next 90 days are over: so a shop that keeps
orders alone has rows that say what came later.
"""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from telltale.contract.derivation import Derived
from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.frames import ENTITY, LINE, TIME

_DAY_S = 86_400.0
NEXT_DAYS: Final = 90
# Moments lie so far apart, at most so many of them, and none with less of a past than this.
_EVERY_DAYS, _MOST_MOMENTS, _LEAST_PAST_DAYS = 30, 6, 60
RECENT_DAYS: Final = 90

_LATER = f"in the {NEXT_DAYS} days after; empty where those are not over"
_SEEN = "; empty where visits are not stored"

CUSTOMER: Final = EventSchema(
    name="customer",
    columns=(
        Column(name="n_orders", unit="orders so far", low=0.0),
        Column(name="spend", unit="the shop's currency, so far", low=0.0),
        Column(name="recency_days", unit="days since the last order", low=0.0, nullable=True),
        Column(name="tenure_days", unit="days since the first order", low=0.0, nullable=True),
        Column(name="recent_orders", unit=f"orders of the last {RECENT_DAYS} days", low=0.0, nullable=True),
        Column(name="recent_spend", unit=f"the shop's currency, last {RECENT_DAYS} days", low=0.0, nullable=True),
        Column(name="mean_order", unit="the shop's currency an order", low=0.0, nullable=True),
        Column(name="largest_order", unit="the shop's currency", low=0.0, nullable=True),
        Column(name="n_items", unit="different items", low=0.0, nullable=True),
        Column(name="basket_lines", unit="different items an order", low=0.0, nullable=True),
        Column(name="mean_gap_days", unit="days between orders", low=0.0, nullable=True),
        Column(name="gap_spread_days", unit="standard deviation of the days between orders", low=0.0, nullable=True),
        Column(name="overdue", unit="days since the last order over days between orders", low=0.0, nullable=True),
        Column(name="returned_share", unit="of pieces bought", low=0.0, nullable=True),
        Column(name="order_hour", unit="hour of the day, mean", low=0.0, high=24.0, nullable=True),
        Column(name="n_visits", unit=f"visits of the last {RECENT_DAYS} days{_SEEN}", low=0.0, nullable=True),
        Column(name="n_views", unit=f"views of the last {RECENT_DAYS} days{_SEEN}", low=0.0, nullable=True),
        Column(name="views_a_visit", unit=f"views in a visit, mean{_SEEN}", low=0.0, nullable=True),
        Column(name="cart_share", unit=f"of visits with a cart{_SEEN}", low=0.0, high=1.0, nullable=True),
        Column(name="purchase_share", unit=f"of visits with a purchase{_SEEN}", low=0.0, high=1.0, nullable=True),
        Column(name="view_to_cart", unit=f"of carts after a view of the item{_SEEN}", low=0.0, high=1.0, nullable=True),
        Column(name="next_spend", unit=f"the shop's currency, {_LATER}", low=0.0, nullable=True),
        Column(name="next_orders", unit=f"orders {_LATER}", low=0.0, nullable=True),
    ),
    entity="user_id",
    lateness_s=3_600.0,
    more_numeric=True,
)


def customers_from_orders(orders: pl.DataFrame) -> Derived:
    """Rows of `storefront/customer` from checked rows of `storefront/order`.

    Lines of one customer at one time are one order; a line of fewer than 0 pieces is a return, which is no order. Lines without a
    customer or without a time tell nothing of anybody.
    """
    known = orders.filter((pl.col(ENTITY) != "") & pl.col(TIME).is_not_null())
    strangers = orders.filter((pl.col(ENTITY) == "") | pl.col(TIME).is_null())[LINE].to_list()
    left_out = dict.fromkeys(strangers, "no user_id or no timestamp")
    if known.is_empty():
        return Derived(frame=pl.DataFrame(), left_out=left_out)
    lines = order_lines(known)
    frames = [customers_at(lines, moment) for moment in moments(lines[TIME])]
    return Derived(frame=as_written(pl.concat(frames)), left_out=left_out)


def as_written(customers: pl.DataFrame) -> pl.DataFrame:
    """Rows by customer and time, with times as files have them."""
    return customers.sort("user_id", "timestamp").with_columns(pl.col("timestamp").dt.to_string("iso:strict"))


def order_lines(orders: pl.DataFrame) -> pl.DataFrame:
    """Checked rows of orders with the `value` of each."""
    return orders.with_columns((pl.col("quantity") * pl.col("unit_price")).alias("value"))


def moments(times: pl.Series) -> list[datetime]:
    """Just after the last time, and before it the moments whose next days are over and whose past is long enough."""
    first, last = times.min(), times.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    now = last + timedelta(seconds=1)
    before = [now - timedelta(days=NEXT_DAYS + _EVERY_DAYS * number) for number in range(_MOST_MOMENTS)]
    return [now, *(moment for moment in before if moment >= first + timedelta(days=_LEAST_PAST_DAYS))]


def customers_at(lines: pl.DataFrame, moment: datetime, *, known_until: datetime | None = None) -> pl.DataFrame:
    """Everybody who ordered before the moment, as they were then; what came after, where that is known.

    Args:
        lines: checked order lines with their `value`.
        moment: rows from it on are what came later.
        known_until: the last time at which an order would be among the lines; None for the last of them.
    """
    past = lines.filter((pl.col(TIME) < moment) & (pl.col("quantity") > 0))
    recent = pl.col(TIME) >= moment - timedelta(days=RECENT_DAYS)
    orders = (
        past.group_by(ENTITY, TIME, maintain_order=True)
        .agg(pl.col("value").sum(), pl.col("item_id").n_unique().alias("lines"), pl.col("quantity").sum())
        .sort(ENTITY, TIME)
        .with_columns(_days(pl.col(TIME).diff().over(ENTITY)).alias("gap"))
    )
    made = orders.group_by(ENTITY, maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("n_orders"),
        pl.col("value").sum().alias("spend"),
        _days(pl.lit(moment) - pl.col(TIME).max()).alias("recency_days"),
        _days(pl.lit(moment) - pl.col(TIME).min()).alias("tenure_days"),
        recent.sum().cast(pl.Float64).alias("recent_orders"),
        pl.col("value").filter(recent).sum().alias("recent_spend"),
        pl.col("value").mean().alias("mean_order"),
        pl.col("value").max().alias("largest_order"),
        pl.col("lines").mean().alias("basket_lines"),
        pl.col("gap").mean().alias("mean_gap_days"),
        pl.col("gap").std().alias("gap_spread_days"),
        (pl.col(TIME).dt.hour() + pl.col(TIME).dt.minute() / 60).mean().alias("order_hour"),
        pl.col("quantity").sum().alias("pieces"),
    )
    items = past.group_by(ENTITY, maintain_order=True).agg(
        pl.col("item_id").n_unique().cast(pl.Float64).alias("n_items")
    )
    returned = (
        lines.filter((pl.col(TIME) < moment) & (pl.col("quantity") < 0))
        .group_by(ENTITY, maintain_order=True)
        .agg(pl.col("quantity").sum().abs().alias("returned"))
    )
    made = made.join(items, on=ENTITY, how="left").join(returned, on=ENTITY, how="left")
    last = known_until or lines[TIME].max()
    assert isinstance(last, datetime)
    is_over = last >= moment + timedelta(days=NEXT_DAYS) - timedelta(seconds=1)
    later = later_orders(lines, moment) if is_over else lines[:0].pipe(later_orders, moment)
    made = made.join(later, on=ENTITY, how="left").with_columns(
        # One late order has no gap: it is overdue by how long the customer has been one.
        (pl.col("recency_days") / (pl.col("mean_gap_days").fill_null(pl.col("tenure_days")) + 7.0)).alias("overdue"),
        (pl.col("returned").fill_null(0.0) / pl.col("pieces")).alias("returned_share"),
        *(pl.col(name).fill_null(0.0) for name in ("next_spend", "next_orders") if is_over),
    )
    declared = [column.name for column in CUSTOMER.columns]
    return made.select(
        pl.col(ENTITY).alias("user_id"),
        pl.lit(moment).dt.cast_time_unit("us").alias("timestamp"),
        *((pl.col(name) if name in made.columns else pl.lit(None)).cast(pl.Float64).alias(name) for name in declared),
    ).sort("user_id")


def later_orders(lines: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """What those who ordered in the 90 days from the moment on spent, and how often."""
    end = moment + timedelta(days=NEXT_DAYS)
    return (
        lines.filter((pl.col(TIME) >= moment) & (pl.col(TIME) < end) & (pl.col("quantity") > 0))
        .group_by(ENTITY, maintain_order=True)
        .agg(pl.col("value").sum().alias("next_spend"), pl.col(TIME).n_unique().cast(pl.Float64).alias("next_orders"))
    )


def _days(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 1e6 / _DAY_S
