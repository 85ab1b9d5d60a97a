"""Customers of the made-up shop, as they are made from its own orders."""

import math
from datetime import datetime, timedelta

import polars as pl
from msgspec.structs import replace

from telltale.apps.storefront.customers import NEXT_DAYS, customers_at, order_lines
from telltale.apps.storefront.simulate_shop import simulate_orders
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import ENTITY, LINE, TIME

_DAYS = 210.0
_EVERY_DAYS, _PAST_DAYS = 30, 90
# Of four hundred customers so many at least have ordered in the first months.
_LEAST_A_MOMENT = 150


def simulate_customers(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/customer`: everybody who has ordered, every thirty days from `start` on.

    Their orders began 90 days before, and those of the 90 days after each moment are known.
    """
    span = how.days or _DAYS
    n_moments = math.ceil((how.n_rows / _LEAST_A_MOMENT) if how.n_rows else span / _EVERY_DAYS)
    orders_from = start - timedelta(days=_PAST_DAYS)
    days = float(_PAST_DAYS + _EVERY_DAYS * n_moments + NEXT_DAYS)
    orders = simulate_orders(replace(how, days=days, n_rows=None), orders_from)
    lines = order_lines(
        orders.select(
            pl.col("user_id").alias(ENTITY),
            pl.col("timestamp").alias(TIME),
            pl.int_range(1, pl.len() + 1).alias(LINE),
            "item_id",
            "quantity",
            "unit_price",
        ).sort(ENTITY, TIME, LINE)
    )
    moments = [start + timedelta(days=_EVERY_DAYS * number) for number in range(n_moments)]
    frame = pl.concat([customers_at(lines, moment) for moment in moments])
    return frame[: how.n_rows] if how.n_rows else frame.filter(pl.col("timestamp") < start + timedelta(days=span))
