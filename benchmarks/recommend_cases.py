"""What the benchmark `recommend` is run on: rows to train on, and people whose next, or left out, items are known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from telltale.apps.storefront import APP
from telltale.contract.errors import NotFoundError
from telltale.contract.simulation import Simulation
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE, sort_checked

_TEST_SHARE: Final = 0.2
_WEEKS: Final = 6
_QUICK_USERS: Final = 150
_RATINGS, _FILMS = {"user_id", "item_id", "rating", "timestamp"}, {"item_id", "title", "release_date"}
_ORDERS: Final = {"InvoiceNo", "StockCode", "CustomerID", "InvoiceDate", "Quantity", "UnitPrice"}
_EVENTS: Final = {"visitorid", "itemid", "event"}
_TOLD_OF_FILMS: Final = {"item_id", "title", "release_date", "imdb_url"}


@dataclass(frozen=True)
class Question:
    """One who is asked for: what they had, oldest first, and what they took later, or what was left out.

    `entity` is None for one who is not among the rows trained on.
    """

    entity: str | None
    past: tuple[str, ...]
    wanted: frozenset[str]


@dataclass(frozen=True)
class Case:
    """Rows to train on and whom to ask for. Where `again`, items had before can be taken again. `suffix` is that of its metrics."""

    name: str
    frame: pl.DataFrame
    questions: tuple[Question, ...]
    again: bool = False
    suffix: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured ones."""
        return tuple(name for name in self.frame.columns if name not in {ENTITY, TIME, LINE})


@dataclass(frozen=True)
class Source:
    """A set's rows as a checked frame of `storefront/interaction`, and how they are split."""

    frame: pl.DataFrame
    has_time: bool
    again: bool


def read_cases(data: Path | None, test: Path | None, *, quick: bool) -> list[Case]:
    """Cases of a folder, of two folders, or of simulated rows. Raises NotFoundError where there are no rows of a known kind."""
    if data is None:
        made = APP.simulate("interaction", Simulation(days=30.0 if quick else 60.0, seed=11, start=APP.start))
        return [_by_time(_few(_simulated(made), quick), "simulated")]
    source = _few(_read(data), quick)
    if test is not None:
        return [_of_others(source, _few(_read(test), quick))]
    if source.again:
        return [_by_time(source, "time")]
    # Without times a set is large and shallow here: one split of it takes as long as three of the other.
    seeds = range(3 if source.has_time and not quick else 1)
    cases = [_drawn(source, seed) for seed in seeds]
    return [*cases, _by_time(source, "time", suffix="_time")] if source.has_time else cases


def _read(folder: Path) -> Source:
    tables = [pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]
    for table in tables:
        columns = set(table.columns)
        if columns >= _RATINGS:
            return _films(table, next((one for one in tables if set(one.columns) >= _FILMS), None))
        if columns >= _ORDERS:
            return _orders(table)
        if columns >= _EVENTS:
            return _visits(table)
    raise NotFoundError(
        "no ratings, orders or visits",
        where=str(folder),
        mend=f"Name a folder of parquet files with the columns {sorted(_RATINGS)}, {sorted(_ORDERS)} or {sorted(_EVENTS)}.",
    )


def _films(ratings: pl.DataFrame, films: pl.DataFrame | None) -> Source:
    """Every rating is a film taken, whatever the stars; genres are tags."""
    frame = _frame(ratings["user_id"], ratings["item_id"], ratings["timestamp"].cast(pl.Int64) * 1_000_000)
    if films is not None:
        genres = [name for name in films.columns if name not in _TOLD_OF_FILMS]
        tags = films.select(
            pl.col("item_id").cast(pl.String),
            pl.concat_list(pl.when(pl.col(name) == 1).then(pl.lit(name)) for name in genres)
            .list.drop_nulls()
            .alias("tags"),
        )
        frame = frame.join(tags, on="item_id", how="left", maintain_order="left")
    return Source(frame, has_time=True, again=False)


def _orders(lines: pl.DataFrame) -> Source:
    """Lines with a customer that are no cancellation; an item once in an order."""
    kept = lines.filter(
        pl.col("CustomerID").is_not_null(),
        ~pl.col("InvoiceNo").str.starts_with("C"),
        pl.col("Quantity") > 0,
        pl.col("UnitPrice") > 0,
    ).unique(("InvoiceNo", "StockCode"), keep="first", maintain_order=True)
    frame = _frame(kept["CustomerID"], kept["StockCode"], kept["InvoiceDate"].dt.epoch("us"))
    return Source(frame, has_time=True, again=True)


def _visits(rows: pl.DataFrame) -> Source:
    """Pairs of a visitor and an item by what was done, in no order."""
    frame = _frame(rows["visitorid"], rows["itemid"], None).with_columns(kind=rows["event"])
    return Source(frame, has_time=False, again=False)


def _simulated(made: pl.DataFrame) -> Source:
    frame = _frame(made["user_id"], made["item_id"], made["timestamp"].dt.epoch("us"))
    frame = frame.with_columns(made[name] for name in ("kind", "category", "brand", "tags", "segment"))
    return Source(frame, has_time=True, again=True)


def _frame(entities: pl.Series, items: pl.Series, times_us: pl.Series | None) -> pl.DataFrame:
    n = len(entities)
    none = pl.Series([None], dtype=pl.Int64).new_from_index(0, n)
    return pl.DataFrame(
        {
            ENTITY: entities.cast(pl.String),
            TIME: (none if times_us is None else times_us).cast(TIME_DTYPE),
            LINE: np.arange(1, n + 1, dtype=np.int64),
            "item_id": items.cast(pl.String),
        }
    )


def _few(source: Source, quick: bool) -> Source:
    """Rows as they are checked; of some users alone where it must be quick."""
    frame = sort_checked(source.frame)
    if quick:
        users = frame[ENTITY].unique().sort()
        frame = frame.filter(pl.col(ENTITY).is_in(users.gather_every(max(1, len(users) // _QUICK_USERS)).to_list()))
    return Source(frame, has_time=source.has_time, again=source.again)


def _drawn(source: Source, seed: int) -> Case:
    """A fifth of each user's items, drawn, is left out, with all its rows."""
    pairs = source.frame.select(ENTITY, "item_id").unique(maintain_order=True)
    draw = pl.Series(np.random.default_rng(seed).random(len(pairs)))
    ranked = pairs.with_columns(draw=draw).with_columns(
        place=pl.col("draw").rank("ordinal").over(ENTITY), n=pl.len().over(ENTITY)
    )
    out = ranked.filter(pl.col("place") <= (pl.col("n") * _TEST_SHARE).round()).select(ENTITY, "item_id")
    train = source.frame.join(out, on=[ENTITY, "item_id"], how="anti", maintain_order="left")
    return Case(f"random {seed}", train, _questions(train, out))


def _by_time(source: Source, name: str, *, suffix: str = "") -> Case:
    """The last six weeks of orders, or the last fifth of the rows, of those who have rows before."""
    frame = source.frame
    end = frame[TIME].max()
    cut = frame[TIME].sort()[round(len(frame) * (1.0 - _TEST_SHARE))]
    if source.again and (frame[TIME].max() - frame[TIME].min()).days > 3 * 7 * _WEEKS:  # type: ignore[operator, union-attr]  # times
        cut = frame.select((pl.lit(end).cast(TIME_DTYPE) - pl.duration(weeks=_WEEKS)).alias("cut"))["cut"][0]
    train, later = frame.filter(pl.col(TIME) < cut), frame.filter(pl.col(TIME) >= cut)
    return Case(name, train, _questions(train, later, again=source.again), again=source.again, suffix=suffix)


def _of_others(source: Source, other: Source) -> Case:
    """Other rows after fitting on all: of users who are known, all of them are wanted; of others a fifth, and the rest is told.

    The fifth is the last one where items are taken again, else drawn.
    """
    known = set(source.frame[ENTITY].unique())
    mine, strange = (other.frame.filter(pl.col(ENTITY).is_in(known) == is_in) for is_in in (True, False))
    questions = list(_questions(source.frame, mine, again=source.again))
    for (_,), rows in strange.group_by(ENTITY, maintain_order=True):
        items = rows["item_id"].to_list()
        questions += _told(items, again=source.again, seed=len(questions))
    return Case("test", source.frame, tuple(questions), again=source.again)


def _told(items: Sequence[str], *, again: bool, seed: int) -> Iterable[Question]:
    n_out = round(len(items) * _TEST_SHARE)
    if not n_out:
        return
    drawn = np.random.default_rng(seed).permutation(len(items))[:n_out].tolist()
    out = set(range(len(items) - n_out, len(items))) if again else set(drawn)
    past = tuple(item for place, item in enumerate(items) if place not in out)
    wanted = frozenset(items[place] for place in out)
    yield Question(None, past, wanted if again else wanted - set(past))


def _questions(train: pl.DataFrame, later: pl.DataFrame, *, again: bool = False) -> tuple[Question, ...]:
    """Of those who are in both; where nothing is taken again, only by what is new to them."""
    past = dict(train.group_by(ENTITY, maintain_order=True).agg("item_id").iter_rows())
    found = []
    for entity, items in later.group_by(ENTITY, maintain_order=True).agg("item_id").iter_rows():
        own = tuple(past.get(entity, ()))
        wanted = frozenset(items) if again else frozenset(items) - set(own)
        if own and wanted:
            found.append(Question(entity, own, wanted))
    return tuple(found)
