"""A bounded memory: a dictionary that forgets what has not been written for long, at no cost per access."""

from collections.abc import Mapping
from typing import Generic, TypeVar, final

Key = TypeVar("Key", int, str)
Value = TypeVar("Value")


@final
class Generations(Generic[Key, Value]):
    """Two dictionaries: what is written goes to the newer; once that is full it becomes the older, which is dropped.

    So it remembers the last `capacity` keys that were written, and at most twice as many. The older one is never written
    to: what a version learned in training can be the older one of many at once.

    Args:
        capacity: at least 1.
        known: what it begins with.
    """

    __slots__ = ("_capacity", "newer", "older")

    def __init__(self, capacity: int, known: Mapping[Key, Value]) -> None:
        self._capacity = capacity
        self.newer: dict[Key, Value] = {}
        self.older: Mapping[Key, Value] = known

    def get(self, key: Key) -> Value | None:
        """What was written last, or None."""
        found = self.newer.get(key)
        return self.older.get(key) if found is None else found

    def put(self, key: Key, value: Value) -> None:
        """Write."""
        self.newer[key] = value
        if len(self.newer) > self._capacity:
            self.older, self.newer = self.newer, {}

    def newest(self) -> dict[Key, Value]:
        """At most `capacity` of them: all of the newer dictionary, and of the older those that came to it last."""
        kept = {key: value for key, value in self.older.items() if key not in self.newer}
        room = max(0, self._capacity - len(self.newer))
        spared = list(kept.items())[max(0, len(kept) - room) :]
        return {**dict(spared), **self.newer}
