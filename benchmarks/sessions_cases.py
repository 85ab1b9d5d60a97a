"""Visits to a shop, from files or made up: views in order, cut into those to learn from and those to foretell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.errors import NotFoundError

_COLUMNS: Final = {"session_id", "item_id", "timeframe", "eventdate"}
_SCORED: Final = 0.2
_MADE_VISITS, _MADE_ITEMS, _LINE = 1_500, 600, 6
_MADE_FROM: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Visit:
    """One session: the items viewed, in order, and when (UTC)."""

    name: str
    items: tuple[str, ...]
    times: tuple[datetime, ...]


@dataclass(frozen=True)
class Step:
    """What was viewed so far in a visit, by its place in `Cases.scored`, and what came next."""

    visit: int
    seen: tuple[str, ...]
    wanted: str


@dataclass(frozen=True)
class Cases:
    """Visits to learn from, by time, and visits whose views are foretold one by one."""

    learnt: tuple[Visit, ...]
    scored: tuple[Visit, ...]

    @property
    def catalogue(self) -> frozenset[str]:
        """What was viewed in the visits to learn from."""
        return frozenset(item for visit in self.learnt for item in visit.items)

    def steps(self, *, known_only: bool) -> list[Step]:
        """Every view but the first of each scored visit; with `known_only` items outside the catalogue are left out before."""
        known = self.catalogue
        made = []
        for number, visit in enumerate(self.scored):
            items = tuple(item for item in visit.items if item in known or not known_only)
            made += [Step(number, items[:place], items[place]) for place in range(1, len(items))]
        return made


def read_cases(data: Path | None, test: Path | None) -> Cases:
    """The cases of a folder, or made-up ones; see the benchmark's docstring for the cut. Raises NotFoundError."""
    visits = _made() if data is None else _read(data)
    if test is not None:
        return Cases(tuple(visits), tuple(_read(test)))
    days = [visit.times[0].date() for visit in visits]
    first = days[round(len(days) * (1.0 - _SCORED))]
    learnt = tuple(visit for visit, day in zip(visits, days, strict=True) if day < first)
    scored = tuple(visit for visit, day in zip(visits, days, strict=True) if day >= first)
    if not learnt:
        raise NotFoundError(
            "all sessions began on one day", where=str(data), mend="Give another folder of sessions with --test."
        )
    return Cases(learnt, scored)


def _read(folder: Path) -> list[Visit]:
    """Every session of every file of that shape, by the day on which it began; a file is found by its columns."""
    frames = []
    for path in sorted(folder.glob("*.parquet")):
        frame = pl.read_parquet(path)
        if set(frame.columns) >= _COLUMNS:
            frames.append(frame.select(sorted(_COLUMNS)))
    if not frames:
        raise NotFoundError(
            f"no file with {sorted(_COLUMNS)}", where=str(folder), mend="Give the folder of diginetica_sample."
        )
    began = pl.col("eventdate").min().over("session_id")
    rows = pl.concat(frames).select(
        "session_id",
        "item_id",
        time=began.cast(pl.Datetime("us")).dt.replace_time_zone("UTC") + pl.duration(milliseconds="timeframe"),
        began=began,
    )
    rows = rows.sort("began", "session_id", "time", maintain_order=True)
    return [
        Visit(str(name), tuple(map(str, items)), tuple(times))
        for name, items, times in rows.group_by("session_id", maintain_order=True).agg("item_id", "time").iter_rows()
    ]


def _made() -> Sequence[Visit]:
    """Walks along lines of six items: to a neighbour in the line, back to one seen, or elsewhere."""
    rng = np.random.default_rng(0)
    visits = []
    for number in range(_MADE_VISITS):
        start_s = _MADE_FROM.timestamp() + 90 * 86_400 * number / _MADE_VISITS
        items = [int(_MADE_ITEMS * rng.random() ** 2)]
        for _ in range(int(rng.geometric(0.25))):
            drawn = rng.random()
            if drawn < 0.2:
                items.append(items[int(rng.integers(0, len(items)))])
            elif drawn < 0.7:
                line = items[-1] // _LINE * _LINE
                items.append(line + (items[-1] - line + int(rng.integers(1, 3))) % _LINE)
            else:
                items.append(int(_MADE_ITEMS * rng.random() ** 2))
        times = tuple(datetime.fromtimestamp(start_s + 40.0 * place, tz=UTC) for place in range(len(items)))
        visits.append(Visit(str(number), tuple(map(str, items)), times))
    return visits
