"""A version that adapts, at work: it scores a row by all rows before it, and learns it."""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol, final

import numpy as np
import polars as pl

from telltale.contract.answer import CheckedRow, Context, Input, RowValue, ScoreAnswer
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Features, Floats, Scores
from telltale.contract.stream import StreamEstimator, StreamScorer, StreamState
from telltale.features.frame import epoch_s
from telltale.features.last_rows import last_rows
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.required_parts import require_parts
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.stream_starts import STREAM_ENTITIES, STREAM_UPTO, StreamStarts
from telltale.telemetry.frames import ENTITY

_ALONE: Final = 1


class StoredStates(Protocol):
    """What has been learned of stored rows."""

    def before(self, entity: str, time_s: float) -> StreamState:
        """The state of an entity before its row of that moment (epoch seconds); the caller's own."""
        ...

    def keep(self, entity: str, time_s: float, state: StreamState) -> None:
        """The state after the row of that moment, which the caller came to by the way."""
        ...


@final
class StreamRuntime(ScoreRuntime):
    """Scores rows in order, entity by entity. Itself it never changes: what is learned is in states.

    An entity that was fitted on goes on from where its rows ended; rows from before that begin it anew, as do those of an
    entity that was not. Rows that are stored are scored by what has been learned of those before them, which `stored`
    finds; without it, as any others.
    """

    stored: StoredStates | None = None

    def _load(self, bundle: Bundle) -> None:
        require_parts(bundle, names=(STREAM_ENTITIES,), arrays=(STREAM_UPTO,))
        estimator: StreamEstimator = bundled_estimator(bundle.manifest)
        self._streams: StreamScorer = estimator.load(bundle.parts)
        self._starts = StreamStarts(self._streams, bundle.parts)

    @property
    def scorer(self) -> StreamScorer:
        """The model."""
        return self._streams

    def upto_s(self, entity: str) -> float | None:
        """When the rows of an entity that was fitted on ended, in epoch seconds; None of any other, and without times."""
        return self._starts.upto_s(entity)

    def start(self, entity: str, time_s: float | None = None) -> StreamState:
        """What is known of an entity before its row of that time."""
        return self._starts.state(entity, time_s)

    def step(
        self, state: StreamState, values: Sequence[float], time_s: float, entity: str | None = None
    ) -> tuple[ScoreAnswer, StreamState]:
        """The answer for the row that follows, and what is known then; `state` stays as it is."""
        after = state.copy()
        score = self._score_one(after, values, time_s)
        return self._answer_row(values, time_s, entity or "", score, context="window", explain=False), after

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[ScoreAnswer]:
        """One answer per input, in order: of its last row, after those before it.

        Raises:
            SchemaError: a row is of the wrong length, a value is missing, or times and rows differ in number.
        """
        return [self._answer_input(item, explain=explain) for item in inputs]

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> ScoreAnswer:
        """The answer for one row without history. `values` are taken as checked."""
        whose = entity or ""
        score = self._score_one(self.start(whose, time_s), values, time_s)
        return self._answer_row(values, time_s, whose, score, context=self._context(whose, _ALONE), explain=explain)

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[ScoreAnswer]:
        """The same for several rows that have nothing to do with each other."""
        return [self.answer_row(values, time_s, entity, explain=explain) for values, time_s, entity, explain in rows]

    def score_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> Scores:
        """Scores of checked rows, sorted by entity and time; with `alone` as if no other row of the frame were there.

        Raises:
            SchemaError: a column is missing, of another type than Float64, or has no value or no finite one somewhere.
        """
        self._inputs.check_frame(frame)
        rows, times_s = self._rows(frame)
        scores = np.empty(len(rows))
        for entity, first, end in runs_of(frame):
            if alone:
                for place in range(first, end):
                    state = self.start(entity, times_s[place])
                    scores[place] = state.score(rows[place : place + 1], times_s[place : place + 1])[0]
            else:
                scores[first:end] = self.start(entity, times_s[first]).score(rows[first:end], times_s[first:end])
        return scores

    def score_features(self, features: Features) -> Scores:  # noqa: ARG002 - refused whatever they are
        """There is no such thing: a row of a stream is scored by the rows before it. Raises UsageError."""
        raise UsageError(
            f"{self.manifest.estimator} has no features",
            where=self.manifest.task,
            mend="Ask score_frame, for rows in order.",
        )

    def answer_last(self, frame: pl.DataFrame) -> list[ScoreAnswer]:
        """One answer for each entity of a checked frame of stored rows, in order: of its last row.

        Raises:
            SchemaError: as `score_frame`.
        """
        return self.answer_at(frame, last_rows(frame)[0].tolist())

    def answer_at(self, frame: pl.DataFrame, places: list[int]) -> list[ScoreAnswer]:
        """One answer for each of some rows of a checked frame of stored rows, by their positions.

        Raises:
            SchemaError: as `score_frame`.
        """
        self._inputs.check_frame(frame)
        rows, times_s = self._rows(frame)
        scores = np.empty(len(rows))
        counts = np.empty(len(rows), dtype=np.int64)
        for entity, first, end in runs_of(frame):
            state = self._state_of_stored(entity, float(times_s[first]))
            scores[first:end] = state.score(rows[first:end], times_s[first:end])
            counts[first:end] = np.arange(1, end - first + 1)
            if (
                self.stored is not None and end - first > 1
            ):  # of a single row that is asked for again, the state before counts
                self.stored.keep(entity, float(times_s[end - 1]), state)
        entities: list[str] = frame[ENTITY].gather(places).to_list()
        return self._told(frame, places, entities, scores[places].tolist(), counts[places].tolist())

    def _answer_input(self, item: Input, *, explain: bool) -> ScoreAnswer:
        given, times, entity = self._inputs.checked(item, whole=True)
        state = self._state_of_stored(entity, times[0]) if item.is_stored else self.start(entity, times[0])
        scores = state.score(np.array(given, dtype=np.float64), np.array(times, dtype=np.float64))
        context = "window" if item.is_stored else self._context(entity, len(given))
        return self._answer_row(given[-1], times[-1], entity, float(scores[-1]), context=context, explain=explain)

    def _answer_row(
        self,
        values: Sequence[RowValue],
        time_s: float,
        entity: str,
        score: float,
        *,
        context: Context,
        explain: bool,
    ) -> ScoreAnswer:
        decision = score >= self.threshold
        window = (values,), (time_s,), entity
        told = self._explanation.of_window(window, self._inputs.tail(*window)) if explain or decision else ()
        return ScoreAnswer(
            score=score, decision=decision, threshold=self.threshold, context=context, reasons=told, entity_is_new=False
        )

    def _context(self, entity: str, n_rows: int) -> Context:
        """Whether anything is known of the entity before the row."""
        return "window" if n_rows > 1 or self._starts.knows(entity) else "row"

    def _state_of_stored(self, entity: str, time_s: float) -> StreamState:
        return self.start(entity, time_s) if self.stored is None else self.stored.before(entity, time_s)

    def _score_one(self, state: StreamState, values: Sequence[RowValue], time_s: float) -> float:
        return float(state.score(np.array([values], dtype=np.float64), np.array([time_s]))[0])

    def _rows(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        return frame.select(self.columns).to_numpy(), epoch_s(frame).to_numpy()


def runs_of(frame: pl.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Each entity of a sorted frame, its first row and the one after its last."""
    if frame.is_empty():
        return
    last, first = last_rows(frame)
    yield from zip(frame[ENTITY].gather(last).to_list(), first.tolist(), (last + 1).tolist(), strict=True)
