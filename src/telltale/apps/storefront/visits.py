"""Customers as of a moment, made from what they did in the shop: views, carts and purchases in their order.

For shops that keep interactions and no orders: a visit in which something was purchased counts as an order, and its value is the
prices of what was purchased; where no interaction has a price, their number.
"""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from telltale.apps.storefront.customers import (
    CUSTOMER,
    NEXT_DAYS,
    RECENT_DAYS,
    as_written,
    customers_at,
    later_orders,
    moments,
    order_lines,
)
from telltale.contract.derivation import Derived
from telltale.telemetry.frames import ENTITY, LINE, TIME

# So long without a sign of somebody, and the next one begins another visit.
_APART: Final = timedelta(minutes=30)
_VIEW, _CART, _PURCHASE = "view", "cart", "purchase"
_BEHAVIOUR: Final = ("n_visits", "n_views", "views_a_visit", "cart_share", "purchase_share", "view_to_cart")
_LATER: Final = ("next_spend", "next_orders")


def customers_from_interactions(interactions: pl.DataFrame) -> Derived:
    """Rows of `storefront/customer` from checked rows of `storefront/interaction`.

    An interaction of no kind is a view. Those of nobody, or without a time, tell nothing of anybody.
    """
    strangers = interactions.filter((pl.col(ENTITY) == "") | pl.col(TIME).is_null())[LINE].to_list()
    left_out = dict.fromkeys(strangers, "no user_id or no timestamp")
    known = interactions.filter((pl.col(ENTITY) != "") & pl.col(TIME).is_not_null())
    if known.is_empty():
        return Derived(frame=pl.DataFrame(), left_out=left_out)
    acts = _in_visits(known)
    lines = _purchases(acts)
    last = acts[TIME].max()
    assert isinstance(last, datetime)
    frames = []
    for moment in moments(acts[TIME]):
        made = behaviour_at(acts, moment).join(
            customers_at(lines, moment, known_until=last).drop("timestamp", *_BEHAVIOUR, *_LATER),
            on="user_id",
            how="left",
        )
        is_over = moment + timedelta(days=NEXT_DAYS) <= last + timedelta(seconds=1)
        later = later_orders(lines if is_over else lines[:0], moment).rename({ENTITY: "user_id"})
        frames.append(_declared(made.join(later, on="user_id", how="left"), moment, is_over=is_over))
    return Derived(frame=as_written(pl.concat(frames)), left_out=left_out)


def behaviour_at(acts: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """What everybody seen before the moment did in the 90 days until then, by visit; the user in `user_id`."""
    past = acts.filter(pl.col(TIME) < moment)
    recent = past.filter(pl.col(TIME) >= moment - timedelta(days=RECENT_DAYS))
    visits = recent.group_by(ENTITY, "visit", maintain_order=True).agg(
        (pl.col("act") == _VIEW).sum().alias("views"),
        (pl.col("act") == _CART).any().alias("has_cart"),
        (pl.col("act") == _PURCHASE).any().alias("has_purchase"),
    )
    made = visits.group_by(ENTITY, maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("n_visits"),
        pl.col("views").sum().cast(pl.Float64).alias("n_views"),
        pl.col("views").mean().alias("views_a_visit"),
        pl.col("has_cart").mean().alias("cart_share"),
        pl.col("has_purchase").mean().alias("purchase_share"),
    )
    carts = (
        recent.filter(pl.col("act") == _CART)
        .group_by(ENTITY, maintain_order=True)
        .agg(pl.col("was_viewed").mean().alias("view_to_cart"))
    )
    everybody = past.select(ENTITY).unique(maintain_order=True)
    return (
        everybody.join(made, on=ENTITY, how="left")
        .join(carts, on=ENTITY, how="left")
        .with_columns(pl.col("n_visits", "n_views").fill_null(0.0))
        .rename({ENTITY: "user_id"})
    )


def _in_visits(interactions: pl.DataFrame) -> pl.DataFrame:
    """Each interaction with what it was, the number of its visit, and whether the customer had viewed the item before."""
    kind = pl.col("kind").fill_null(_VIEW) if "kind" in interactions.columns else pl.lit(_VIEW)
    return (
        interactions.sort(ENTITY, TIME, LINE)
        .with_columns(kind.alias("act"))
        .with_columns(
            (pl.col(TIME).diff().over(ENTITY) > _APART).fill_null(value=False).cum_sum().over(ENTITY).alias("visit"),
            ((pl.col("act") == _VIEW).cum_sum().over(ENTITY, "item_id") > 0).alias("was_viewed"),
        )
    )


def _purchases(acts: pl.DataFrame) -> pl.DataFrame:
    """Order lines: what was purchased in a visit is an order, at the time of the first of it; a piece of each."""
    bought = acts.filter(pl.col("act") == _PURCHASE)
    priced = "price" in bought.columns and bought["price"].count() > 0
    return order_lines(
        bought.select(
            ENTITY,
            pl.col(TIME).min().over(ENTITY, "visit").alias(TIME),
            "item_id",
            pl.lit(1.0).alias("quantity"),
            (pl.col("price").fill_null(0.0) if priced else pl.lit(1.0)).alias("unit_price"),
        )
    )


def _declared(made: pl.DataFrame, moment: datetime, *, is_over: bool) -> pl.DataFrame:
    """The columns of the event: those who never bought spent nothing so far."""
    later = _LATER if is_over else ()
    return made.with_columns(
        pl.col("n_orders", "spend", "recent_orders", "recent_spend", *later).fill_null(0.0)
    ).select(
        "user_id",
        pl.lit(moment).dt.cast_time_unit("us").alias("timestamp"),
        *(pl.col(column.name).cast(pl.Float64) for column in CUSTOMER.columns),
    )
