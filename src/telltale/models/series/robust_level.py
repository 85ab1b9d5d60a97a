"""A running mean that no single row moves far."""

from typing import Final, final

from telltale.models.series.running_mean import RunningMean

_CLIP: Final = 3.0
_FIRST_ROWS: Final = 20
# However little a series has moved, once it goes on moving it is followed: this much of the mean deviation without a limit.
_PLAIN_SHARE: Final = 0.1


@final
class RobustLevel:
    """A running mean of values of which none counts as further off than three mean deviations; 0 before the first."""

    __slots__ = ("_deviation", "_level", "_n", "_plain")

    def __init__(self, rows: float) -> None:
        self._level = RunningMean(rows)
        self._deviation = RunningMean(rows)
        self._plain = RunningMean(rows)
        self._n = 0

    @property
    def value(self) -> float:
        """The level."""
        return self._level.value

    def step(self, value: float) -> float:
        """How far off the value is; 0 for the first. It is learned."""
        apart = value - self._level.value if self._n else 0.0
        most = _CLIP * max(self._deviation.value, _PLAIN_SHARE * self._plain.value)
        moved = min(max(apart, -most), most) if self._n > _FIRST_ROWS else apart
        self._level.add(self._level.value + moved if self._n else value)
        self._deviation.add(abs(moved))
        self._plain.add(abs(apart))
        self._n += 1
        return apart
