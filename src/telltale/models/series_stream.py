"""One series as it goes: each row is scored by all before it, then learned. Nothing must be known beforehand."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError, SchemaError
from telltale.contract.estimator import Choice, Floats, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.contract.stream import StreamRows
from telltale.models.series.state_parts import copied, packed, unpacked
from telltale.models.series.stream import SeriesStream

_NAME: Final = "series_stream"
_ENTITIES, _STATES, _ENDS = "entities", "states", "ends"
# A state is some 40 kB. Of more entities those with the most rows are kept; the others begin anew, which takes them fifty
# rows to say anything and three days to know the time of day.
_MOST_ENTITIES: Final = 1_000


@final
class SeriesStreamEstimator:
    """Score: decades of rarity; from 2.2 on it is of rows that start an event, and an event is told once.

    Forecast-error likelihood with adaptive baselines (slow level, time of day, hour of the week) and novelty of values, each
    ranked among its own past, and a refractory period. Fitting is following the rows: nothing is chosen from them, and an
    entity that was not there is scored from its first row on as they were.

    Not for: several columns that matter together (`columns_stream`); counters that only rise.

    References:
        Ahmad et al., "Unsupervised Real-Time Anomaly Detection for Streaming Data", Neurocomputing 262 (2017): the
        likelihood of forecast errors; the forecasts and the ranks here are others.
    """

    name = _NAME
    kind: Kind = "score"
    traits = Traits(tells_rarity=True, adapts=True, columns="one")
    defaults: Mapping[str, Parameter] = {}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        series: Sequence[StreamRows],
        *,
        labels: Sequence[NDArray[np.int8]] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Follow the rows of each entity. Labels change nothing, and nothing is random.

        Raises:
            NotEnoughDataError: there is no row.
            SchemaError: there is not one column.
        """
        del labels, parameters, seed
        kept = sorted((one for one in series if len(one.rows)), key=lambda one: (-len(one.rows), one.entity))
        if not kept:
            raise NotEnoughDataError("0 rows", where=self.name, mend="Give some.")
        if len(kept) > _MOST_ENTITIES:
            tell(f"Of {len(kept)} entities the {_MOST_ENTITIES} with the most rows are kept; the others begin anew.")
        states = []
        for one in kept[:_MOST_ENTITIES]:
            state = SeriesState(SeriesStream())
            state.score(one.rows, one.times_s)
            states.append(state.pack())
        return Parts(
            arrays={_STATES: np.concatenate(states), _ENDS: np.cumsum([float(len(state)) for state in states])},
            names={_ENTITIES: tuple(one.entity for one in kept[:_MOST_ENTITIES])},
        )

    def load(self, parts: Parts) -> "SeriesScorer":
        """From stored states. Raises BundleError."""
        if not ({_STATES, _ENDS} <= parts.arrays.keys() and _ENTITIES in parts.names):
            raise BundleError(
                f"the bundle lacks {_ENTITIES}, {_STATES} or {_ENDS}", where=self.name, mend="Train the version again."
            )
        return SeriesScorer(parts.names[_ENTITIES], parts.arrays[_STATES], parts.arrays[_ENDS])


@final
class SeriesScorer:
    """The states of entities that were fitted on.

    Args:
        entities: whose.
        states: one behind the other, shape (m,).
        ends: where in `states` each ends, shape (n,).
    """

    def __init__(self, entities: Sequence[str], states: Floats, ends: Floats) -> None:
        places = [0, *map(int, ends.tolist())]
        if len(ends) != len(entities) or places[-1] != len(states) or places != sorted(places):
            raise BundleError("entities and states do not match", where=_NAME, mend="Train the version again.")
        self._of = dict(zip(entities, pairwise(places), strict=True))
        self._states = states

    def fresh(self) -> "SeriesState":
        """Of an entity of which no row has been seen."""
        return SeriesState(SeriesStream())

    def start(self, entity: str) -> "SeriesState":
        """As it stood after the last row of that entity that was fitted on; fresh where none was kept."""
        if entity not in self._of:
            return self.fresh()
        first, end = self._of[entity]
        return self.unpack(self._states[first:end])

    def unpack(self, packed: Floats) -> "SeriesState":
        """A state again. Raises BundleError where it is none of this model's."""
        return SeriesState(unpacked(SeriesStream(), packed, where=_NAME))


@final
class SeriesState:
    """What is remembered of one series; some 6,000 numbers at most."""

    def __init__(self, stream: SeriesStream) -> None:
        self._stream = stream

    def score(self, rows: Floats, times_s: Floats) -> Scores:
        """One score per row of shape (n, 1), in order; each is scored, then learned.

        Raises:
            SchemaError: there is not one column.
        """
        if rows.ndim != 2 or rows.shape[1] != 1:
            raise SchemaError(f"rows are of shape {rows.shape}", where=_NAME, mend="Give one column.")
        step = self._stream.step
        found = [step(time_s, value).score for time_s, value in zip(times_s.tolist(), rows[:, 0].tolist(), strict=True)]
        return np.array(found, dtype=np.float64)

    def copy(self) -> "SeriesState":
        """Another one that goes its own way."""
        return SeriesState(copied(self._stream))

    def pack(self) -> Floats:
        """All of it, shape (m,)."""
        return packed(self._stream)


ESTIMATOR: Final = SeriesStreamEstimator()
