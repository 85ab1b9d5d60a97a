"""What the model of eyenet sees of a device: how far it is from its own level now, and over its last five minutes."""

from typing import Final

import polars as pl

from telltale.apps.eyenet.schema import SAMPLE
from telltale.contract.plan import Plan
from telltale.features.derive import PlanDraft, Stat
from telltale.features.generic import derive_generic
from telltale.features.own_level import apart, apart_now, apart_over

NAMED: Final = tuple(column.name for column in SAMPLE.columns)
WINDOW_S: Final = 300.0
# A ping that got no answer takes the value of the last one that did, this many rows back at most.
_FILL_ROWS = 5
# The median of half an hour, in so many rows, is the level of a device that was not there at training. Longer than a fault
# lasts, or the fault is soon what is usual; no longer than a new device can wait and a query may read.
_OWN_S, _LEAST_OWN_ROWS, _MOST_OWN_ROWS = 1_800.0, 30, 90
# Numerator, denominator, and the denominator where there is none: of no packet, and of no byte.
_RATIOS: Final = {
    "bytes_per_packet_in": ("bytes_in", "packets_in", 1.0),
    "bytes_per_packet_out": ("bytes_out", "packets_out", 1.0),
    "bytes_out_per_in": ("bytes_out", "bytes_in", 1.0),
    "packets_out_per_in": ("packets_out", "packets_in", 1.0),
}
_NAMES: Final[dict[Stat, str]] = {
    "mean": "rolling_mean_5m",
    "std": "rolling_std_5m",
    "min": "min",
    "max": "max",
    "q75": "quantile_75",
}


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """Distances from each device's own level, and statistics over five minutes; one model for all devices.

    Every metric is looked at as a logarithm, less what this device does at this hour, in robust spreads, all fitted on
    training rows alone. Scaling a window by itself, as a standard scaler fitted on the rows of a request does, would remove
    the level, which is the anomaly. Only a device that was not there at training is measured by its own last rows, moved
    by what the hour does to devices; the model has seen devices that way too. `latency` is filled forward, and whether a
    ping was answered is told beside it; less latency than expected is no event. Bytes per packet are 0 where there are
    no packets.

    Each metric, ratios included, has its distance now and over five minutes: `{metric}_rolling_mean_5m` (what lasts,
    told from a burst of one row), `{metric}_rolling_std_5m` (a link that comes and goes), `{metric}_min`, `{metric}_max`,
    and `_quantile_75` of bytes out and of latency. A plain mean over the window is `rolling_mean_5m` by another name.

    With `sequence` above 1 the model sees the rows of the window for itself: the distances alone.
    """
    if set(columns) != set(NAMED):
        return derive_generic(frame, columns, sequence=sequence)
    draft = PlanDraft(frame, columns)
    filled, missing = draft.fill("latency", _FILL_ROWS), draft.missing("latency")
    metrics = {name: name for name in NAMED[:4]} | {"latency": filled}
    metrics |= {name: draft.ratio(name, above, below, floor=least) for name, (above, below, least) in _RATIOS.items()}
    own_rows = draft.rows_of(_OWN_S, least=_LEAST_OWN_ROWS, most=_MOST_OWN_ROWS)
    levels = {name: apart(draft, column, rows=own_rows) for name, column in metrics.items()}
    now = tuple(apart_now(draft, of, only_more=name == "latency") for name, of in levels.items())
    if sequence > 1:
        return draft.finish(*now, missing, sequence=sequence)

    def over_window(stat: Stat, *names: str) -> tuple[str, ...]:
        return tuple(apart_over(draft, levels[name], stat, WINDOW_S, out=f"{name}_{_NAMES[stat]}") for name in names)

    return draft.finish(
        *now,
        *over_window("mean", *metrics),
        *over_window("std", *metrics),
        *over_window("min", *metrics),
        *over_window("max", *metrics),
        *over_window("q75", "bytes_out", "latency"),
        missing,
        draft.window_stat(missing, "mean", WINDOW_S, out="latency_missing_rolling_mean_5m"),
        draft.largest("largest_deviation", now),
        draft.norm("all_deviations", now),
    )
