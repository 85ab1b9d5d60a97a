"""Drawings of a page as SVG: each tells in words what it shows, and is as wide as there is room."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from telltale.serve.page.elements import NOTHING, Html, joined, tag

_SPARK_WIDTH, _SPARK_HEIGHT, _EDGE = 96.0, 22.0, 3.0
_LEFT, _TOP, _BOTTOM = 46.0, 22.0, 22.0
WIDE: Final = (560.0, 150.0)
NARROW: Final = (340.0, 150.0)
SQUARE: Final = (300.0, 270.0)  # for curves over shares
_FLAT: Final = 1e-12
Point = tuple[float, float]


def spark(values: Sequence[float | None], told: str) -> Html:
    """A line the size of a word, its last point marked; nothing without two values."""
    there = [(place, value) for place, value in enumerate(values) if value is not None and isfinite(value)]
    if len(there) < 2:
        return NOTHING
    low, high = min(value for _, value in there), max(value for _, value in there)
    step = (_SPARK_WIDTH - 2 * _EDGE) / (len(values) - 1)
    spread = high - low
    points = [
        (
            _EDGE + place * step,
            _SPARK_HEIGHT - _EDGE - (0.5 if spread < _FLAT else (value - low) / spread) * (_SPARK_HEIGHT - 2 * _EDGE),
        )
        for place, value in there
    ]
    last = points[-1]
    return tag(
        "svg",
        tag("polyline", points=_path(points)),
        tag("circle", cx=f"{last[0]:.1f}", cy=f"{last[1]:.1f}", r="2.5"),
        class_="spark",
        viewBox=f"0 0 {_SPARK_WIDTH:.0f} {_SPARK_HEIGHT:.0f}",
        role="img",
        aria_label=told,
    )


def bars(values: Sequence[float], told: str) -> Html:
    """Bars the size of a word, from zero; nothing where all are zero."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return NOTHING
    width = _SPARK_WIDTH / len(values)
    drawn = [
        tag(
            "rect",
            x=f"{place * width:.1f}",
            y=f"{_SPARK_HEIGHT - (up := max(1.0, value / highest * (_SPARK_HEIGHT - 1))):.1f}",
            width=f"{max(width - 1, 0.8):.1f}",
            height=f"{up:.1f}",
        )
        for place, value in enumerate(values)
        if value > 0
    ]
    return tag(
        "svg",
        *drawn,
        class_="spark",
        viewBox=f"0 0 {_SPARK_WIDTH:.0f} {_SPARK_HEIGHT:.0f}",
        role="img",
        aria_label=told,
    )


class Frame:
    """Axes of a drawing: x from 0 to 1 by its own numbers, y from `low` to `high`.

    Args:
        title: stands above it.
        told: what it shows, in words.
        x_labels: where marks stand, 0 to 1, and what they say.
        y_labels: the same of the upright axis, in its own numbers.
        low, high: ends of the upright axis.
        size: width and height; text is as large as the drawing is drawn narrow.
    """

    def __init__(
        self,
        title: str,
        told: str,
        *,
        x_labels: Sequence[tuple[float, str]],
        y_labels: Sequence[tuple[float, str]],
        low: float = 0.0,
        high: float = 1.0,
        size: tuple[float, float] = WIDE,
    ) -> None:
        self._title, self._told = title, told
        self._low, self._high = low, high if high > low else low + 1.0
        self._width, self._height = size
        self._parts: list[Html] = []
        for value, words in y_labels:
            y = self.y(value)
            self._line((_LEFT, y), (self._width - 6, y), "grid")
            self._text(_LEFT - 6, y + 4, words, "end")
        for share, words in x_labels:
            self._text(self.x(share), self._height - 6, words, "middle")

    def x(self, share: float) -> float:
        """Where a share of the width is."""
        return _LEFT + share * (self._width - 6 - _LEFT)

    def y(self, value: float) -> float:
        """Where a value is; one outside is at the edge."""
        share = min(1.0, max(0.0, (value - self._low) / (self._high - self._low)))
        return self._height - _BOTTOM - share * (self._height - _BOTTOM - _TOP)

    def curve(self, points: Sequence[Point | None], kind: str) -> None:
        """A line through points, broken where one is missing; one alone is a dot."""
        runs: list[list[Point]] = [[]]
        for point in points:
            if point is None:
                runs.append([])
            else:
                runs[-1].append((self.x(point[0]), self.y(point[1])))
        for run in runs:
            if len(run) > 1:
                self._parts.append(tag("polyline", class_=kind, points=_path(run)))
            elif run:
                self.dot_at(run[0], kind)

    def bar(self, left: float, right: float, value: float, kind: str, told: str, *, base: float = 0.0) -> None:
        """A bar between two shares of the width, from a base to a value."""
        top, bottom = self.y(value), self.y(base)
        self._parts.append(
            tag(
                "rect",
                tag("title", told),
                class_=kind,
                x=f"{self.x(left):.1f}",
                width=f"{max(0.8, self.x(right) - self.x(left) - 1):.1f}",
                y=f"{top:.1f}",
                height=f"{max(bottom - top, 0.8):.1f}",
            )
        )

    def dot(self, point: Point, kind: str) -> None:
        """A mark at a point."""
        self.dot_at((self.x(point[0]), self.y(point[1])), kind)

    def dot_at(self, place: Point, kind: str) -> None:
        """A mark at a place of the drawing."""
        self._parts.append(tag("circle", class_=f"dot {kind}", cx=f"{place[0]:.1f}", cy=f"{place[1]:.1f}", r="3"))

    def whisker(self, share: float, low: float, high: float, kind: str) -> None:
        """A line from one value to another, upright."""
        self._line((self.x(share), self.y(low)), (self.x(share), self.y(high)), kind)

    def level(self, value: float, kind: str) -> None:
        """A line from left to right at a value."""
        self._line((_LEFT, self.y(value)), (self._width - 6, self.y(value)), kind)

    def upright(self, share: float, kind: str) -> None:
        """A line from bottom to top."""
        self._line((self.x(share), _TOP), (self.x(share), self._height - _BOTTOM), kind)

    def drawn(self, legend: Sequence[tuple[str, str]] = ()) -> Html:
        """The drawing with its title, and its legend (kind, words) below."""
        keys = [
            tag(
                "span",
                tag(
                    "svg",
                    tag("line", class_=kind, x1="0", x2="18", y1="5", y2="5"),
                    viewBox="0 0 18 10",
                    aria_hidden="true",
                ),
                words,
            )
            for kind, words in legend
        ]
        drawing = tag(
            "svg", *self._parts, class_="drawing wide" if self._width == WIDE[0] else "drawing", viewBox=f"0 0 {self._width:.0f} {self._height:.0f}", role="img",
            aria_label=self._told,
        )  # fmt: skip
        caption = tag("figcaption", self._title, tag("span", *keys, class_="legend") if keys else NOTHING)
        return tag("figure", caption, drawing, class_="wide" if self._width == WIDE[0] else None)

    def _line(self, begin: Point, end: Point, kind: str) -> None:
        (x1, y1), (x2, y2) = begin, end
        self._parts.append(tag("line", class_=kind, x1=f"{x1:.1f}", x2=f"{x2:.1f}", y1=f"{y1:.1f}", y2=f"{y2:.1f}"))

    def _text(self, x: float, y: float, words: str, anchor: str) -> None:
        self._parts.append(tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor))


def interval(point: float, low: float, high: float, limit: float | None, told: str) -> Html:
    """An interval as a bar, its figure as a dot and its limit as a tick, on the part of the axis that holds them."""
    ends = [low, high, point, *(() if limit is None else (limit,))]
    left, right = min(ends), max(ends)
    room = 0.12 * (right - left) or 0.05

    def x(value: float) -> str:
        return f"{4 + 112 * (value - left + room) / (right - left + 2 * room):.1f}"

    cut = NOTHING if limit is None else tag("line", class_="limit", x1=x(limit), x2=x(limit), y1="2", y2="16")
    return tag(
        "svg",
        tag("line", class_="track", x1="4", x2="116", y1="9", y2="9"),
        tag("line", class_="range", x1=x(low), x2=x(high), y1="9", y2="9"),
        cut,
        tag("circle", cx=x(point), cy="9", r="3.5"),
        class_="scale",
        viewBox="0 0 120 18",
        role="img",
        aria_label=told,
    )


def beside(*drawings: Html) -> Html:
    """Drawings in a row where there is room; nothing without any."""
    there = [drawing for drawing in drawings if drawing]
    return tag("div", joined(*there), class_="drawings") if there else NOTHING


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
