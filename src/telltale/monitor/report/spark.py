"""A line the size of a word: how a figure went, without axes."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

_WIDTH, _HEIGHT, _EDGE = 140.0, 28.0, 4.0
_FLAT: Final = 1e-12


def spark_line(values: Sequence[float | None]) -> str:
    """The values from left to right as SVG, the last one marked; where there is none, a gap; "" without any.

    The line fills its height from the lowest value to the highest, which stand beside it.

    >>> spark_line([None])
    ''
    >>> spark_line([0.5, 1.0]).count("<circle")
    1
    """
    there = [(at, value) for at, value in enumerate(values) if value is not None and isfinite(value)]
    if not there:
        return ""
    low, high = min(value for _, value in there), max(value for _, value in there)
    spread = high - low
    step = (_WIDTH - 2 * _EDGE) / max(len(values) - 1, 1)

    def place(at: int, value: float) -> str:
        up = 0.5 if spread < _FLAT else (value - low) / spread
        return f"{_EDGE + at * step:.1f},{_HEIGHT - _EDGE - up * (_HEIGHT - 2 * _EDGE):.1f}"

    points = " ".join(place(at, value) for at, value in there)
    x, _, y = points.rpartition(" ")[2].partition(",")
    told = f"{low:.3g} to {high:.3g}" if spread >= _FLAT else f"{low:.3g} throughout"
    return (
        f'<svg class="drawing" style="min-width:0;width:{_WIDTH:.0f}px" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{told}"><polyline class="p50" points="{points}"/><circle class="dot p50" cx="{x}" cy="{y}" r="3"/></svg>'
        f"<small>{told}</small>"
    )
