"""Customers as of a moment, their past, and what they did after: of Online Retail, and sessions of Online Shoppers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.users_bgnbd import Histories
from telltale.apps.storefront import APP
from telltale.apps.storefront.customers import CUSTOMER, customers_at, customers_from_orders, order_lines
from telltale.contract.errors import NotFoundError
from telltale.telemetry.frames import ENTITY, LINE, TIME
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

Floats = NDArray[np.float64]

_RETAIL = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
_SHOPPERS = ("ProductRelated", "BounceRates", "ExitRates", "PageValues", "Revenue")
# Nine months of twelve are the past.
_PAST_SHARE: Final = 0.75
_WEEK_S: Final = 7 * 86_400.0
_QUICK_CUSTOMERS: Final = 600


@dataclass(frozen=True, kw_only=True)
class People:
    """Those who are divided, as of one moment.

    Args:
        rows: checked rows of `storefront/customer`, one each.
        plain: recency (larger = longer ago), frequency and money of each, shape (n, 3).
        histories: what BG/NBD reads, in the same order; None where there are no orders.
    """

    rows: pl.DataFrame
    plain: Floats
    histories: Histories | None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One set of data.

    Args:
        name: of the data.
        learned: checked rows of `storefront/customer` to train on, of earlier moments too; nothing after the past is in them.
        past: those to fit on, as of the end of their past.
        asked: those who are scored; often the same.
        later: what each of these spent after (or, of a session, whether it ended in a purchase).
        weeks: how long after, 0 where time has no part in it.
    """

    name: str
    learned: pl.DataFrame
    past: People
    asked: People
    later: Floats
    weeks: float


def read_cases(data: Path, test: Path | None, *, quick: bool) -> list[Case]:
    """Every set there is in a folder, or in its folders `online_retail` and `online_shoppers`.

    Raises:
        NotFoundError: none is there.
    """
    cases = []
    for read, columns in ((_retail, _RETAIL), (_shoppers, _SHOPPERS)):
        frame = _find(data, columns)
        if frame is not None:
            cases.append(read(frame, None if test is None else _find(test, columns), quick))
    if not cases:
        raise NotFoundError(
            "no file of Online Retail or Online Shoppers", where=str(data), mend=f"Give columns {list(_RETAIL)}."
        )
    return cases


def _find(folder: Path, columns: tuple[str, ...]) -> pl.DataFrame | None:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".parquet", ".csv"})
    frames = [pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path) for path in paths]
    own = [frame for frame in frames if set(columns) <= set(frame.columns)]
    return pl.concat(own, how="diagonal_relaxed") if own else None


def _retail(frame: pl.DataFrame, test: pl.DataFrame | None, quick: bool) -> Case:
    lines = _orders(frame)
    if quick:
        names = lines[ENTITY].unique().sort()[:_QUICK_CUSTOMERS]
        lines = lines.filter(pl.col(ENTITY).is_in(names.implode()))
    if test is None:
        cut, end = _cut(lines), _end(lines)
        known, later = lines.filter(pl.col(TIME) < cut), lines
        asked = known
    else:
        others = _orders(test)
        first = others[TIME].min()
        known, cut = lines, _end(lines)
        if isinstance(first, datetime) and first >= cut - timedelta(days=1):
            # The same shop goes on: its customers are scored on what they did next.
            asked, later, end = known, others, _end(others)
        else:
            cut, end = _cut(others), _end(others)
            asked, later = others.filter(pl.col(TIME) < cut), others
    learned = _checked(customers_from_orders(known).frame)
    past_cut = _end(known)
    people = _people(asked, cut)
    spent = (
        later.filter((pl.col(TIME) >= cut) & (pl.col(TIME) < end))
        .group_by(ENTITY)
        .agg(pl.col("value").sum().alias("later"))
    )
    found = people.rows.select(ENTITY).join(spent, on=ENTITY, how="left", maintain_order="left")
    return Case(
        name="online_retail",
        learned=learned,
        past=people if asked is known and cut == past_cut else _people(known, past_cut),
        asked=people,
        later=found["later"].fill_null(0.0).to_numpy().astype(np.float64),
        weeks=(end - cut).total_seconds() / _WEEK_S,
    )


def _orders(frame: pl.DataFrame) -> pl.DataFrame:
    """Order lines with their value: no cancellations, nobody unknown; an item twice in an invoice is one line."""
    time = pl.col("InvoiceDate")
    if frame["InvoiceDate"].dtype == pl.String:
        time = time.str.to_datetime()
    kept = frame.filter(
        pl.col("CustomerID").is_not_null()
        & ~pl.col("InvoiceNo").cast(pl.String).str.starts_with("C")
        & (pl.col("Quantity") > 0)
    )
    lines = (
        kept.select(
            pl.col("CustomerID").cast(pl.Int64).cast(pl.String).alias(ENTITY),
            time.dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias(TIME),
            pl.col("StockCode").cast(pl.String).alias("item_id"),
            pl.col("Quantity").cast(pl.Float64).alias("quantity"),
            (pl.col("Quantity") * pl.col("UnitPrice")).cast(pl.Float64).alias("paid"),
        )
        .group_by(ENTITY, TIME, "item_id")
        .agg(pl.col("quantity").sum(), pl.col("paid").sum())
        .with_columns((pl.col("paid") / pl.col("quantity")).alias("unit_price"))
        .sort(ENTITY, TIME, "item_id")
    )
    return order_lines(lines.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)))


def _cut(lines: pl.DataFrame) -> datetime:
    first, end = lines[TIME].min(), _end(lines)
    assert isinstance(first, datetime)
    return first + _PAST_SHARE * (end - first)


def _end(lines: pl.DataFrame) -> datetime:
    last = lines[TIME].max()
    assert isinstance(last, datetime)
    return last + timedelta(seconds=1)


def _people(lines: pl.DataFrame, moment: datetime) -> People:
    rows = _checked(customers_at(lines, moment))
    days = (
        lines.filter(pl.col(TIME) < moment)
        .with_columns(pl.col(TIME).dt.date().alias("day"))
        .group_by(ENTITY, "day")
        .agg(pl.col("value").sum(), pl.col(TIME).min())
        .sort(ENTITY, "day")
        .group_by(ENTITY, maintain_order=True)
        .agg(
            (pl.len() - 1).alias("repeats"),
            (pl.col(TIME).max() - pl.col(TIME).min()).dt.total_seconds().alias("last"),
            (pl.lit(moment) - pl.col(TIME).min()).dt.total_seconds().alias("age"),
            pl.col("value").slice(1).mean().fill_null(0.0).alias("mean_spend"),
        )
    )
    found = rows.select(ENTITY).join(days, on=ENTITY, how="left", maintain_order="left")
    column = {name: found[name].to_numpy().astype(np.float64) for name in ("repeats", "last", "age", "mean_spend")}
    return People(
        rows=rows,
        plain=rows.select("recency_days", "n_orders", "spend").to_numpy().astype(np.float64),
        histories=Histories(
            repeats=column["repeats"],
            last=column["last"] / _WEEK_S,
            age=column["age"] / _WEEK_S,
            mean_spend=column["mean_spend"],
        ),
    )


def _shoppers(frame: pl.DataFrame, test: pl.DataFrame | None, quick: bool) -> Case:
    """Sessions as customers of one visit: their figures are the shop's own columns, their outcome whether they bought.

    Without other sessions, every fourth is scored. Recency, frequency and money stand in for: the exit rate, the pages of
    products, and the seconds on them.
    """
    own = frame.gather_every(8 if quick else 1)
    place = pl.int_range(pl.len()) % 4 == 0
    learned, asked = (own.filter(~place), own.filter(place)) if test is None else (own, test)
    past, people = _sessions(learned, "past"), _sessions(asked, "asked")
    return Case(
        name="online_shoppers",
        learned=past.rows,
        past=past,
        asked=people,
        later=asked["Revenue"].cast(pl.Float64).to_numpy(),
        weeks=0.0,
    )


def _sessions(frame: pl.DataFrame, prefix: str) -> People:
    own = {
        name: frame[name].cast(pl.Float64)
        for name in frame.columns
        if (frame[name].dtype.is_numeric() or frame[name].dtype == pl.Boolean) and name not in {"Revenue", "row"}
    }
    # Months and kinds of visitor are words: a column of 0 and 1 each.
    words = {
        f"{name}_{word}": (frame[name] == word).cast(pl.Float64)
        for name in frame.columns
        if frame[name].dtype == pl.String
        for word in sorted(frame[name].drop_nulls().unique().to_list())
    }
    bought = frame["Revenue"].cast(pl.Float64)
    rows = pl.DataFrame(
        {
            "user_id": [f"{prefix}-{number:08}" for number in range(frame.height)],
            "timestamp": pl.Series([0] * frame.height).cast(pl.Datetime("us", "UTC")),
            "n_orders": [0.0] * frame.height,
            "spend": [0.0] * frame.height,
            **own,
            **words,
            "next_spend": bought,
            "next_orders": bought,
        }
    )
    plain = [frame["ExitRates"], frame["ProductRelated"], frame["ProductRelated_Duration"]]
    return People(
        rows=_checked(rows),
        plain=np.column_stack([column.to_numpy().astype(np.float64) for column in plain]),
        histories=None,
    )


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    raw = RawRows(frame=frame.with_columns(pl.int_range(1, pl.len() + 1).alias(LINE)), source="customers")
    checked = check_rows(APP.event(CUSTOMER.name), raw, require_time=True)
    assert not checked.quarantined, checked.quarantined[:3]
    return checked.frame
