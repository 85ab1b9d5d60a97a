"""What the model of eyenet sees of a device: how far it is from its own level now, and over its last five minutes."""

from typing import Final, Literal

import polars as pl

from telltale.apps.eyenet.schema import SAMPLE
from telltale.contract.plan import Plan
from telltale.features.derive import PlanDraft, derive_generic

NAMED: Final = tuple(column.name for column in SAMPLE.columns)
WINDOW_S: Final = 300.0
# A ping that got no answer takes the value of the last one that did, this many rows back at most.
_FILL_ROWS = 5

Stat = Literal["mean", "std", "min", "max", "q75"]
_NAMES: Final[dict[Stat, str]] = {
    "mean": "rolling_mean_5m",
    "std": "rolling_std_5m",
    "min": "min",
    "max": "max",
    "q75": "quantile_75",
}


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """Distances from each device's own level, and statistics of them over five minutes; one model for all devices.

    Every column is first told as its distance from what this device does at this hour (for a device with few rows, or
    a new one: what devices do), in robust spreads, fitted on training rows alone. Scaling a window by itself, as a
    standard scaler fitted on the rows of a request does, would remove the level, which is the anomaly. So statistics
    are of the distances: of the columns themselves they would say which device it is. `latency` is filled forward;
    less of it than expected is no event. Bytes per packet are 0 where there are no packets.

    Of the statistics of a window, each column has those that tell a kind of fault:

    - `{column}_rolling_mean_5m` of all five and of both bytes per packet: what lasts, told from a burst of one row;
    - `{column}_rolling_std_5m` of packets in: a link that comes and goes; of more columns it cost the forest more than it
      told it (average precision over three pairs of simulated networks 0.54 with all five, 0.60 with this one);
    - `{column}_min` of the packets either way: a link that went down within the window;
    - `{column}_quantile_75` of bytes out and of latency: a rise that most of the window shows;
    - `{column}_max` of packets in: the height of a flood.

    A plain mean over the window is `rolling_mean_5m` by another name, and stands here once.

    With `sequence` above 1 the model sees the rows of the window for itself: the distances alone.
    """
    if set(columns) != set(NAMED):
        return derive_generic(frame, columns, sequence=sequence)
    draft = PlanDraft(frame, columns)
    filled = draft.fill("latency", _FILL_ROWS)
    distances = {
        **{name: draft.deviation(name) for name in NAMED[:4]},
        "latency": draft.deviation(filled, only_more=True),
        **{
            f"bytes_per_packet_{way}": draft.deviation(
                draft.ratio(f"bytes_per_packet_{way}", f"bytes_{way}", f"packets_{way}")
            )
            for way in ("in", "out")
        },
        "bytes_out_per_in": draft.deviation(draft.ratio("bytes_out_per_in", "bytes_out", "bytes_in")),
    }
    now = tuple(distances.values())
    if sequence > 1:
        return draft.finish(*now, sequence=sequence)

    def over_window(stat: Stat, *names: str) -> tuple[str, ...]:
        return tuple(draft.window_stat(distances[name], stat, WINDOW_S, out=f"{name}_{_NAMES[stat]}") for name in names)

    return draft.finish(
        *now,
        *over_window("mean", *distances),
        *over_window("std", "packets_in"),
        *over_window("min", "packets_in", "packets_out"),
        *over_window("max", "packets_in"),
        *over_window("q75", "bytes_out", "latency"),
        draft.largest("largest_deviation", now),
        draft.norm("all_deviations", now),
    )
