"""Forecasts as pictures: what was expected, the interval, and what came, a panel per series."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telltale.evaluate.figures import INK, NORMAL, dates_of, label_axes, new_panels, save, show_dates, show_legend

FORECAST_PLOT = "forecast.png"
FORECAST_CAPTION = "What was expected, the interval around it, and what came."
MOST_SHOWN = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ShownForecast:
    """One series: arrays of the shape (horizon,), and the values that came, at times of their own, maybe none."""

    name: str
    times_s: Floats
    values: Floats
    low: Floats
    high: Floats
    came_times_s: Floats
    came: Floats


def write_forecast_plot(directory: Path, shown: Sequence[ShownForecast], *, level: float) -> dict[str, Path]:
    """Draw the first few series, by file name; nothing where there are none.

    Args:
        directory: made where it is missing.
        shown: the first `MOST_SHOWN` are drawn.
        level: share that the interval should hold.
    """
    shown = shown[:MOST_SHOWN]
    if not shown:
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    figure, panels = new_panels("Forecasts, and what came", heights=[2.2] * len(shown))
    for axes, one in zip(panels, shown, strict=True):
        axes.fill_between(
            dates_of(one.times_s),
            one.low,
            one.high,
            color=NORMAL,
            alpha=0.2,
            linewidth=0,
            label=f"{level:.0%} interval",
        )
        axes.plot(dates_of(one.times_s), one.values, color=NORMAL, linewidth=1.8, label="expected")
        if len(one.came):
            axes.plot(
                dates_of(one.came_times_s), one.came, color=INK, marker="o", markersize=3, linewidth=0.8, label="came"
            )
        label_axes(axes, x="", y=one.name)
        show_dates(axes)
    show_legend(panels[0])
    return {FORECAST_PLOT: save(figure, directory / FORECAST_PLOT)}
