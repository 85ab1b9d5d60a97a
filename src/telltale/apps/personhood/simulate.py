"""Made-up typing sessions, labelled: people at their own accounts, and impostors at them.

Everybody has a session a day. A share of the sessions is an impostor's: half are other people, typing as they do; a
quarter are plain scripts; a quarter are programs that imitate people. Which shares impostors have in the world is not
known; these are for a first run, and say nothing of how well a model does on real ones. Sessions are made for 25 days so
that ten of each person's own can be enrolled and as many verified.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.personhood.averages import averages_of
from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.apps.personhood.simulate_people import draw_people
from telltale.apps.personhood.typists import (
    DAY_S,
    Typed,
    type_by_hand,
    type_by_imitation,
    type_by_script,
)
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation

IMPOSTORS = ("person", "person", "script", "imitation")

_N_PEOPLE = 250
_DAYS = {"averages": 40.0, "session": 25.0}
_GENUINE_RATE = 0.8
_PEOPLE, _DAY = 0, 1  # streams of random numbers of one seed


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    """Rows of `personhood/averages` or `personhood/session` in the order in which the sessions ended.

    Both events tell of the same sessions. Beside the event's columns, `impostor` says who it was ("" where genuine).
    250 people; 40 days of averages or 25 of sessions, four in five of them genuine, unless asked otherwise.

    Raises:
        UsageError: an argument is out of range, or there is no such event.
    """
    if event not in _DAYS:
        raise UsageError.not_one_of(event, _DAYS, where="personhood: event")
    how.check(where="personhood: simulate")
    assert how.start is not None, "the kernel says when time starts"
    end = None if how.n_rows is not None else how.start.timestamp() + (how.days or _DAYS[event]) * DAY_S
    rows: list[dict[str, object]] = []
    genuine_rate = _GENUINE_RATE if how.positive_rate is None else how.positive_rate
    for day in _days(how.seed, how.start, genuine_rate):
        for row in sorted(day, key=lambda row: (row["timestamp"], row["user_id"])):
            if len(rows) == how.n_rows or (end is not None and _second(row) >= end):
                return _frame(event, rows)
            rows.append(row)
    raise AssertionError  # days do not end


def _days(seed: int, start: datetime, genuine_rate: float) -> Iterator[list[dict[str, object]]]:
    """One day's sessions after another; a day's do not depend on how many days are asked for."""
    people = draw_people(np.random.default_rng([seed, _PEOPLE]), _N_PEOPLE)
    day = 0
    while True:
        rng = np.random.default_rng([seed, _DAY, day])
        begins_s = int(start.timestamp()) + day * DAY_S
        n_genuine = round(genuine_rate * _N_PEOPLE * (day + 1)) - round(genuine_rate * _N_PEOPLE * day)
        accounts = rng.permutation(_N_PEOPLE)
        at_home, visited = accounts[:n_genuine], accounts[n_genuine:]
        impostors = rng.choice(IMPOSTORS, size=len(visited))
        made = _sessions(at_home, type_by_hand(rng, people.at(at_home), day), begins_s, "")
        for kind in dict.fromkeys(IMPOSTORS):
            victims = visited[impostors == kind]
            made += _sessions(victims, _impostors(rng, kind, len(victims), day), begins_s, kind)
        yield made
        day += 1


def _impostors(rng: np.random.Generator, kind: str, n: int, day: int) -> Typed:
    if kind == "person":
        return type_by_hand(rng, draw_people(rng, n), day)
    return type_by_script(rng, n) if kind == "script" else type_by_imitation(rng, n)


def _sessions(accounts: NDArray[np.int64], typed: Typed, begins_s: int, impostor: str) -> list[dict[str, object]]:
    """Every session as a row with the columns of both events; it ends within the 24 hours from `begins_s`."""
    ended = begins_s + (typed.local_s - typed.zone_h * 3_600 - begins_s) % DAY_S
    hours = typed.local_s // 3_600
    corrected = typed.is_correction
    rows: list[dict[str, object]] = []
    for place, (first, last) in enumerate(pairwise([0, *np.cumsum(typed.n_keys).tolist()])):
        presses, releases = typed.presses_ms[first:last], typed.releases_ms[first:last]
        corrections, hour = int(corrected[first:last].sum()), int(hours[place])
        averages = averages_of(presses, releases, corrections=corrections, local_hour=hour)
        assert averages is not None, "no session is that short"
        rows.append(
            {
                "timestamp": int(ended[place]),
                "user_id": f"user_{int(accounts[place]) + 1:03d}",
                "session_id": f"session_{int(ended[place]) - int(releases.max() // 1_000)}",
                **msgspec.structs.asdict(averages),
                "presses_ms": presses,
                "releases_ms": releases,
                "classes": typed.classes[first:last],
                "corrections": corrections,
                "local_hour": hour,
                "is_legitimate": int(not impostor),
                "impostor": impostor,
            }
        )
    return rows


def _second(row: dict[str, object]) -> int:
    second = row["timestamp"]
    assert isinstance(second, int)
    return second


_AVERAGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": pl.Int64,
    "user_id": pl.String,
    "session_id": pl.String,
    "typing_speed_wpm": pl.Float64,
    "avg_key_hold_time_ms": pl.Float64,
    "avg_transition_time_ms": pl.Float64,
    "error_rate_percent": pl.Float64,
    "activity_hour_preference": pl.Float64,
    "is_legitimate": pl.Int8,
    "impostor": pl.String,
}
_SESSION: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": pl.Int64,
    "user_id": pl.String,
    "session_id": pl.String,
    "presses_ms": pl.List(pl.Float64),
    "releases_ms": pl.List(pl.Float64),
    "classes": pl.List(pl.UInt8),
    "corrections": pl.Int64,
    "local_hour": pl.Int64,
    "is_legitimate": pl.Int8,
    "impostor": pl.String,
}


def _frame(event: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    schema = _AVERAGES if event == "averages" else _SESSION
    columns = {
        name: pl.Series(name, [row[name] for row in rows], dtype=dtype, strict=False) for name, dtype in schema.items()
    }
    frame = pl.DataFrame(columns).with_columns(pl.from_epoch("timestamp").dt.replace_time_zone("UTC"))
    if event == "averages":
        return frame
    names = pl.element().replace_strict(dict(enumerate(KEY_CLASSES)), return_dtype=pl.String)
    return frame.with_columns(pl.col("classes").list.eval(names))
