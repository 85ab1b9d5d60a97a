"""States of entities, brought up to the rows that are stored: for a server that answers, and for a worker that keeps them."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Final, NamedTuple, final

import numpy as np

from telltale.contract.errors import BundleError
from telltale.contract.stream import StreamState
from telltale.models.stream_runtime import StreamRuntime
from telltale.registry.learned import Whose
from telltale.registry.stream_states import find_stream_state
from telltale.storage.database import Database
from telltale.telemetry.event_store import EventStore, StoredRow

# Entities whose states are at hand: 150 kB each, of one column.
_MOST_ENTITIES: Final = 500
# Where more rows than this were stored since a state, the oldest of them are passed over: a second's work.
MOST_ROWS: Final = 20_000
_LONG_AGO_US: Final = -(2**62)


class Followed(NamedTuple):
    """A state, and the time of the last row in it, in microseconds since 1970."""

    at_us: int
    state: StreamState


@final
class FollowedStreams:
    """What a version knows of each entity before any moment. May be asked from several threads.

    It is the same in every process: what is at hand here is only how far this one has followed the stored rows. A row that
    came late, after later ones were followed, is left out of what is known.

    Args:
        events: the database.
        whose: the version.
        event: which rows.
        runtime: the version at work.
    """

    def __init__(self, events: Database, whose: Whose, event: str, runtime: StreamRuntime) -> None:
        self._events = events
        self._store = EventStore(events)
        self._whose = whose
        self._event = event
        self._runtime = runtime
        # Of each entity the two newest states: one before the row that is asked for again and again, one after it.
        self._at_hand: OrderedDict[str, tuple[Followed, ...]] = OrderedDict()
        self._lock = Lock()

    def before(self, entity: str, time_s: float) -> StreamState:
        """The state before a moment; the caller's own."""
        before_us = _us(time_s)
        with self._lock:
            found = self._followed(entity, before_us)
            return found.state.copy()

    def keep(self, entity: str, time_s: float, state: StreamState) -> None:
        """Have at hand a state that the caller followed up to and including a moment."""
        with self._lock:
            self._put(entity, Followed(_us(time_s), state))

    def up_to_now(self, entity: str, *, limit: int) -> Followed | None:
        """The state after the entity's newest rows, so many at most; None where no row came."""
        with self._lock:
            start = self._newest(entity)
            found = self._follow(entity, start, 2**62, limit=limit)
            if found.at_us == start.at_us:
                return None
            self._put(entity, found)
            return found

    def _followed(self, entity: str, before_us: int) -> Followed:
        at_hand = [one for one in self._at_hand.get(entity, ()) if one.at_us < before_us]
        if at_hand:
            start = at_hand[-1]
        else:
            start = self._stored(entity)
            if start.at_us >= before_us:  # it came late, or is asked for again after others: from the beginning
                start = self._begin(entity, before_us)
        found = self._follow(entity, start, before_us, limit=MOST_ROWS)
        if found.at_us > start.at_us or not at_hand:
            self._put(entity, found)
        return found

    def _newest(self, entity: str) -> Followed:
        at_hand = self._at_hand.get(entity)
        return at_hand[-1] if at_hand else self._stored(entity)

    def _stored(self, entity: str) -> Followed:
        kept = find_stream_state(self._events, self._whose, entity)
        if kept is not None:
            try:
                return Followed(kept.at_us, self._runtime.scorer.unpack(kept.packed))
            except BundleError:  # of other code: it is made again
                pass
        return self._begin(entity, 2**62)

    def _begin(self, entity: str, before_us: int) -> Followed:
        """As the version was trained; where that is later than the moment, as of an entity that nobody knows."""
        upto_s = self._runtime.upto_s(entity)
        upto_us = _LONG_AGO_US if upto_s is None else _us(upto_s)
        if upto_us >= before_us:
            return Followed(_LONG_AGO_US, self._runtime.scorer.fresh())
        return Followed(upto_us, self._runtime.start(entity))

    def _follow(self, entity: str, start: Followed, before_us: int, *, limit: int) -> Followed:
        app, _, _ = self._whose
        stored = self._store.between(app, self._event, entity, after_us=start.at_us, before_us=before_us, limit=limit)
        rows = [*_readable(stored, self._runtime.columns)]
        if not rows:
            return start
        state = start.state.copy()
        state.score(np.array([values for _, values in rows]), np.array([time_s for time_s, _ in rows]))
        return Followed(_us(rows[-1][0]), state)

    def _put(self, entity: str, found: Followed) -> None:
        known = self._at_hand.pop(entity, ())
        newest = sorted({one.at_us: one for one in (*known, found)}.values(), key=lambda one: one.at_us)
        self._at_hand[entity] = tuple(newest[-2:])
        while len(self._at_hand) > _MOST_ENTITIES:
            self._at_hand.popitem(last=False)


def _readable(stored: Sequence[StoredRow], columns: Sequence[str]) -> Iterator[tuple[float, list[float]]]:
    """The rows that have all columns of the version; others are of a time when something else was measured."""
    for row in stored:
        values = [row.values.get(name) for name in columns]
        if all(isinstance(value, float | int) for value in values):
            yield row.time_s, [float(value) for value in values]  # type: ignore[arg-type]  # as was checked


def _us(time_s: float) -> int:
    return round(time_s * 1e6)
