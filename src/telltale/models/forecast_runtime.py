"""A version that continues series, at work: what it said of every series, read from the bundle alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, final

import numpy as np
import polars as pl

from telltale.contract.answer import ForecastAnswer, ForecastStep
from telltale.contract.errors import BundleError, NotFoundError, UsageError
from telltale.contract.estimator import Floats
from telltale.contract.query import ForecastQuery, Query
from telltale.models.bundle import Bundle
from telltale.models.manifest import Manifest
from telltale.models.required_parts import require_parts
from telltale.telemetry.frames import ENTITY
from telltale.telemetry.times import show_time

SERIES, METHODS = "series", "methods"  # names, in the order of the arrays' lines
VALUES, LOW, HIGH, TIMES = "values", "low", "high", "times_s"  # arrays of shape (n series, horizon)
ORIGINS, SCALES = "origins_s", "scales"  # arrays of shape (n series,)

_ARRAYS: Final = frozenset({VALUES, LOW, HIGH, TIMES, ORIGINS, SCALES})
_SHOWN: Final = 5


@final
class ForecastRuntime:
    """Answers from forecasts made in training, since a series is continued from where its rows ended there.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it lacks forecasts, or they do not fit each other.
    """

    query: type[Query] = ForecastQuery

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        require_parts(bundle, names=(SERIES, METHODS), arrays=_ARRAYS)
        if bundle.manifest.forecasting is None:
            raise BundleError("manifest.json does not say what is forecast", where=self._where, mend="Train again.")
        names, arrays = bundle.parts.names, bundle.parts.arrays
        self._forecasting = bundle.manifest.forecasting
        self.series, self._methods = names[SERIES], names[METHODS]
        self._line = {name: line for line, name in enumerate(self.series)}
        self._arrays: dict[str, Floats] = {name: arrays[name].astype(np.float64) for name in _ARRAYS}
        n, horizon = len(self.series), self._forecasting.horizon
        shapes = {name: (n,) if name in {ORIGINS, SCALES} else (n, horizon) for name in _ARRAYS}
        wrong = sorted(name for name, shape in shapes.items() if self._arrays[name].shape != shape)
        if wrong or len(self._methods) != n or not n:
            raise BundleError(
                f"{n} series, {len(self._methods)} methods, arrays of another shape: {wrong}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            )

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    def ask(self, queries: Sequence[Query]) -> list[ForecastAnswer]:
        """The next steps of each series asked for, from where its rows ended in training.

        Raises:
            NotFoundError: a series is not known from training.
            UsageError: it is not said which, or the horizon is out of range.
        """
        return [self._answer(query) for query in queries]

    def forecast_of(self, series: str) -> dict[str, Floats] | None:
        """Everything that was said of a series: a line of each array; None where it is not known."""
        line = self._line.get(series)
        return None if line is None else {name: array[line] for name, array in self._arrays.items()}

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """All steps for every series of a checked frame that is known from training."""
        schema = {ENTITY: pl.String, "time": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        lines: list[tuple[str, str, float, float, float, str]] = []
        for name in frame[ENTITY].unique(maintain_order=True):
            if name in self._line:
                answer = self._answer(ForecastQuery(entity=name))
                lines += [(name, step.time, step.value, step.low, step.high, answer.method) for step in answer.steps]
        return pl.DataFrame(lines, schema={**schema, "method": pl.String}, orient="row")

    def self_test(self) -> None:
        """Answer for the first series. Raises BundleError if that goes astray."""
        answer = self._answer(ForecastQuery(entity=self.series[0]))
        numbers = np.array([(step.low, step.value, step.high) for step in answer.steps])
        if not np.isfinite(numbers).all() or (np.diff(numbers, axis=1) < 0).any():
            raise BundleError(
                f"the self-test failed: the forecast of {self.series[0]!r} is not finite, or outside its interval",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _answer(self, query: Query) -> ForecastAnswer:
        assert isinstance(query, ForecastQuery), "asked with another kind of query"
        line = self._line_of(query.entity)
        most = self._forecasting.horizon
        horizon = most if query.horizon is None else query.horizon
        if not 1 <= horizon <= most:
            raise UsageError(
                f"horizon {horizon}",
                where=self._where,
                mend=f"This version reaches 1 to {most} steps ahead; a longer reach is set in the task.",
            )
        parts = (self._arrays[name][line, :horizon].tolist() for name in (TIMES, VALUES, LOW, HIGH))
        return ForecastAnswer(
            method=self._methods[line],
            origin=_shown(float(self._arrays[ORIGINS][line])),
            level=self._forecasting.level,
            steps=tuple(
                ForecastStep(time=_shown(time_s), value=value, low=low, high=high)
                for time_s, value, low, high in zip(*parts, strict=True)
            ),
        )

    def _line_of(self, entity: str | None) -> int:
        column = self.manifest.event.entity or "series"
        if entity is None and len(self.series) > 1:
            raise UsageError(
                f"no {column} is given, and {len(self.series)} are known",
                where=self._where,
                mend=f"Name one of them: {self._some()}.",
            )
        name = self.series[0] if entity is None else entity
        if name not in self._line:
            raise NotFoundError(
                f"{column} {name!r} was not among the rows trained on",
                where=self._where,
                mend=f"Ingest its rows and train again. Known: {self._some()}.",
            )
        return self._line[name]

    def _some(self) -> str:
        rest = len(self.series) - _SHOWN
        return ", ".join(self.series[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _shown(time_s: float) -> str:
    return show_time(datetime.fromtimestamp(time_s, UTC))
