"""Segments of customers by what they are expected to spend: the plan of their columns, the names, and the task."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from telltale.apps.storefront.customers import CUSTOMER
from telltale.contract.app import Task
from telltale.contract.kinds import Segmenting
from telltale.contract.plan import ForwardFill, Log, Plan, Step
from telltale.contract.split import ByEntity
from telltale.contract.verdict import Target
from telltale.telemetry.frames import RESERVED

OUTCOMES: Final = ("next_spend", "next_orders")
# Told of every customer and not counted: they say again what the others do, and every column more moves the division.
_ONLY_TOLD: Final = frozenset(
    {"largest_order", "basket_lines", "mean_gap_days", "gap_spread_days", "overdue", "returned_share", "order_hour"}
)
# Always known; of the others a missing one says something too.
_ALWAYS: Final = ("n_orders", "spend")
# Nothing was seen of it, where it is missing: no visit, no cart.
_NONE_SEEN: Final = frozenset({"recent_orders", "recent_spend", "n_visits", "n_views", "views_a_visit"})
# The longest there is, where it is missing: whoever never ordered did so long ago.
_LONGEST: Final = frozenset({"recency_days"})
_FAR: Final = 0.95

# Days since the last order from which a customer is slipping away, and gone; and up to which one who ordered once is new.
_SLIPPING_DAYS, _GONE_DAYS, _NEW_DAYS = 60.0, 120.0, 90.0
_OFTEN: Final = 3  # orders


def derive_users_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """The logarithm of each column: between 1 and 10 orders lies as much as between 10 and 100.

    A shop's own numeric columns count as those declared do. Columns of which nothing is known, or which never differ, are left out.
    """
    names = [
        name for name in columns if name not in {*OUTCOMES, *RESERVED, *_ONLY_TOLD} and frame[name].dtype == pl.Float64
    ]
    told = [name for name in names if name in _ALWAYS or frame[name].drop_nulls().n_unique() > 1]
    steps: list[Step] = []
    for name in told:
        if name in _ALWAYS:
            steps.append(Log(out=f"{name}_log", column=name, scale=1.0))
            continue
        steps.append(ForwardFill(out=f"{name}_known", column=name, limit=0, otherwise=_otherwise(frame[name])))
        steps.append(Log(out=f"{name}_log", column=f"{name}_known", scale=1.0))
    return Plan(
        columns=tuple(told),
        steps=tuple(steps),
        features=tuple(f"{name}_log" for name in told),
        explained=(),
        history=0,
        interval_s=0.0,
        sequence=sequence,
    )


def name_segments(medians: Sequence[Mapping[str, float]]) -> list[str]:
    """Words that shopkeepers use, of segments from the best to the least; two of one name are told apart by their baskets."""
    last = len(medians) - 1
    names = [_name(middle, is_best=place == 0, is_last=place == last) for place, middle in enumerate(medians)]
    for name in {name for name in names if names.count(name) == 2}:
        first, second = (place for place, one in enumerate(names) if one == name)
        baskets = [medians[place].get("mean_order", 0.0) for place in (first, second)]
        if baskets[0] != baskets[1]:
            larger, smaller = (first, second) if baskets[0] > baskets[1] else (second, first)
            names[larger], names[smaller] = f"{name}, larger baskets", f"{name}, smaller baskets"
    return names


def _name(middle: Mapping[str, float], *, is_best: bool, is_last: bool) -> str:
    """By the median customer: how often they ordered, and how long ago."""
    orders, recency = middle.get("n_orders", 0.0), middle.get("recency_days")
    if is_best:
        return "best customers"
    if recency is None or orders == 0:
        return "passing by" if is_last else "promising"
    if orders < 2:
        if recency > _NEW_DAYS:
            return "bought once, long ago"
        return "new" if middle.get("tenure_days", recency) <= _NEW_DAYS else "bought once"
    if recency > _SLIPPING_DAYS:
        return "gone quiet" if recency > _GONE_DAYS else "slipping away"
    return "regulars" if orders >= _OFTEN else "coming back"


def _otherwise(values: pl.Series) -> float:
    known = values.drop_nulls()
    if values.name in _LONGEST:
        return float(np.quantile(known.to_numpy(), _FAR))
    if values.name in _NONE_SEEN:
        return 0.0
    middle = known.median()
    assert isinstance(middle, float)
    return middle


USERS: Final = Task(
    name="users",
    kind="segment",
    event=CUSTOMER.name,
    estimators=("value_points", "kmeans"),
    targets=(
        Target(metric="bootstrap_ari", op=">=", limit=0.8),
        Target(metric="eta2", op=">=", limit=0.05),
        Target(metric="lift_top20", op=">=", limit=1.5),
    ),
    minimum_rows=200,
    schedule="15 2 * * *",  # daily
    derive_plan=derive_users_plan,
    split=ByEntity(share=0.25),
    segmenting=Segmenting(outcomes=OUTCOMES, plain=("-recency_days", "n_orders", "spend"), named=name_segments),
)
