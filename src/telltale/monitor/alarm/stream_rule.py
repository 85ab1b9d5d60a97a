"""A stream of events that came steadily and has fallen silent: its collector, or what brings its rows, has failed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from telltale.monitor.alarm.scene import Finding, Scene
from telltale.storage.instants import from_us, to_us

_WEEK_US: Final = timedelta(days=7) // timedelta(microseconds=1)
_NEWEST: Final = 1_000
# Rows of one file arrive together, however many: only arrivals make a rhythm.
_FEWEST_ARRIVALS: Final = 30
_FEWEST_STRETCHES: Final = 8
# An hour's outage in a week of quarters is 0.6 % of them; a shop's nights are a third.
_STEADY_SHARE: Final = 0.9
_ARRIVALS: Final = """
    SELECT DISTINCT received_us FROM (
        SELECT received_us FROM event WHERE app = ? AND event = ? AND at_us <= ? ORDER BY at_us DESC LIMIT ?
    ) AS newest ORDER BY received_us
"""
_FIRST: Final = """
    SELECT at_us, received_us FROM event WHERE app = ? AND event = ? AND at_us >= ? AND at_us < ? ORDER BY at_us LIMIT 1
"""


def failed_collector(scene: Scene, limits: Mapping[str, float]) -> Finding | None:
    """Nothing came for longer than a stream of this rhythm is ever silent.

    What has no steady rhythm raises nothing: a shop by night, rows of a file, events that arrive long after their time.
    Nor does a stream that has been silent for most of a week: it was ended.
    """
    arrivals = _arrivals(scene)
    if len(arrivals) < _FEWEST_ARRIVALS:
        return None
    gap_us = median(after - before for before, after in pairwise(arrivals))
    longest_us = int(max(limits["silence_gaps"] * gap_us, limits["silence_s"] * 1e6))
    silent_us = to_us(scene.now) - arrivals[-1]
    if silent_us <= longest_us or not _is_steady(scene, last_us=arrivals[-1], stretch_us=longest_us):
        return None
    return Finding(
        what=f"Nothing came of {scene.app.name}/{scene.name} since {_told(from_us(arrivals[-1]))}, "
        f"{silent_us / 60e6:,.0f} minutes ago; before, something came every {_gap_told(gap_us / 1e6)}",
        mend="See that what collects or sends it still runs and reaches this server; a stream that was ended on purpose "
        "is forgotten within a week.",
    )


def _arrivals(scene: Scene) -> list[int]:
    """When the newest rows came, oldest first."""
    parameters = (scene.app.name, scene.name, to_us(scene.now), _NEWEST)
    return [received_us for (received_us,) in scene.folder.events.fetch(_ARRIVALS, parameters)]


def _is_steady(scene: Scene, *, last_us: int, stretch_us: int) -> bool:
    """Whether nearly every stretch of the last week, from the first that has a row to the last row, has one in time."""
    since_us = to_us(scene.now) - _WEEK_US
    first = scene.folder.events.fetch(_FIRST, (scene.app.name, scene.name, since_us, last_us))
    if not first:
        return False
    starts = range(first[0][0], last_us - stretch_us, stretch_us)
    if len(starts) < _FEWEST_STRETCHES:
        return False
    n_in_time = sum(_has_row_in_time(scene, since_us=start, stretch_us=stretch_us) for start in starts)
    return n_in_time >= _STEADY_SHARE * len(starts)


def _has_row_in_time(scene: Scene, *, since_us: int, stretch_us: int) -> bool:
    parameters = (scene.app.name, scene.name, since_us, since_us + stretch_us)
    found = scene.folder.events.fetch(_FIRST, parameters)
    return bool(found) and found[0][1] - found[0][0] < stretch_us


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _gap_told(gap_s: float) -> str:
    return f"{gap_s:.2g} s" if gap_s < 100 else f"{gap_s / 60:,.0f} minutes"
