"""Scales of drawn figures: a time axis, ticks that people can read, and the pieces of SVG that every figure is made of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from math import floor, log10
from typing import Final

LEFT: Final = 64.0
RIGHT: Final = 984.0
WIDTH: Final = 1_000
_MOST_TICKS: Final = 9
_STEPS: Final = tuple(timedelta(minutes=n) for n in (1, 5, 15, 30, 60, 180, 360, 720, 1_440, 2_880, 10_080, 43_200))


@dataclass(frozen=True)
class TimeAxis:
    """Moments from left to right."""

    since: datetime
    until: datetime

    def x(self, at: datetime) -> float:
        """Where a moment is; one outside of the range is at its edge."""
        share = (at - self.since) / (self.until - self.since)
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))

    def ticks(self) -> list[tuple[float, str]]:
        """Where round moments are, and how they are written: the day at midnight, else the time of day."""
        span = self.until - self.since
        step = next((step for step in _STEPS if span <= step * _MOST_TICKS), span / _MOST_TICKS)
        epoch = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday, so that weeks begin on one
        at = epoch + ((self.since - epoch) // step + 1) * step
        found = []
        while at < self.until:
            is_day = step >= timedelta(days=1) or (at.hour, at.minute) == (0, 0)
            found.append((self.x(at), f"{at.day} {at:%b}" if is_day else f"{at:%H:%M}"))
            at += step
        return found


def round_ticks(highest: float) -> list[float]:
    """Zero and two to four round values, the last of them at or above `highest`.

    >>> round_ticks(7.3), round_ticks(0.0)
    ([0.0, 2.0, 4.0, 6.0, 8.0], [0.0, 1.0])
    """
    if highest <= 0:
        return [0.0, 1.0]
    unit = 10.0 ** floor(log10(highest))
    step = next(unit * part for part in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0) if highest <= 4 * unit * part)
    n = next(n for n in range(1, 6) if n * step >= highest * (1 - 1e-9))
    return [step * i for i in range(n + 1)]


def text(x: float, y: float, words: str, *, kind: str = "tick", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def box(x: float, y: float, width: float, height: float, *, kind: str, told: str = "") -> str:
    """A rectangle, with words for whoever points at it."""
    inner = f"<title>{escape(told)}</title>" if told else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect class="{kind}" {place}>{inner}</rect>'


def drawing(parts: list[str], *, height: float, told: str, width: int = WIDTH) -> str:
    """A figure that scrolls sideways where it does not fit."""
    return (
        f'<div class="scroll"><svg class="drawing" viewBox="0 0 {width} {height:.0f}" role="img" '
        f'aria-label="{escape(told)}">{"".join(parts)}</svg></div>'
    )
