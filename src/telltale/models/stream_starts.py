"""From where the streams of a version go on: the state of each entity that was fitted on, and when its rows ended."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Parts
from telltale.contract.stream import StreamScorer, StreamState

STREAM_ENTITIES: Final = "stream_entities"
STREAM_UPTO: Final = "stream_upto_s"
_NO_TIME: Final = float(np.finfo(np.float64).min)  # every row is later
# States that stand ready; that of any other entity is unpacked when it is asked for.
_MOST_READY: Final = 1_000


def with_starts(parts: Parts, upto_s: Mapping[str, float]) -> Parts:
    """Parts that say when the rows of each entity ended (epoch seconds, NaN without times)."""
    ends = np.nan_to_num(np.array(list(upto_s.values()), dtype=np.float64), nan=_NO_TIME)
    return Parts(
        onnx=parts.onnx,
        arrays={**parts.arrays, STREAM_UPTO: ends},
        names={**parts.names, STREAM_ENTITIES: tuple(upto_s)},
    )


@final
class StreamStarts:
    """States to go on from, of parts that say when rows ended."""

    def __init__(self, scorer: StreamScorer, parts: Parts) -> None:
        self._scorer = scorer
        self._upto = dict(zip(parts.names[STREAM_ENTITIES], parts.arrays[STREAM_UPTO].tolist(), strict=True))
        self._ready: dict[str, StreamState] = {}

    def knows(self, entity: str) -> bool:
        """Whether rows of the entity were fitted on."""
        return entity in self._upto

    def upto_s(self, entity: str) -> float | None:
        """When its rows ended; None where it was not fitted on, or has no times."""
        at = self._upto.get(entity)
        return None if at is None or at == _NO_TIME else at

    def state(self, entity: str, time_s: float | None) -> StreamState:
        """A state of the caller's own: where the entity's rows ended if `time_s` is later or unknown, else a fresh one."""
        at = self._upto.get(entity)
        if at is None or (time_s is not None and time_s <= at):
            return self._scorer.fresh()
        ready = self._ready.get(entity)
        if ready is None:
            ready = self._scorer.start(entity)
            if len(self._ready) < _MOST_READY:
                self._ready[entity] = ready
        return ready.copy()
