"""When keys went down and up, from events as they come; of a key that is up again no more than its class is known."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

# A release can be lost (a locked screen, another console); the next one of that key would end a hold of minutes.
LONGEST_HOLD_MS: Final = 10_000.0


@dataclass(frozen=True)
class KeyTiming:
    """One key: when it went down and came up, in ms of any one clock, and its class."""

    press_ms: float
    release_ms: float
    key_class: str


@dataclass(frozen=True)
class _Held:
    press_ms: float
    key_class: str
    is_modifier: bool


class KeyTimings:
    """Matches releases to presses.

    What a key is, is known while it is held, as the hash of its identity, and forgotten when it comes up. A press of a key
    that is held is auto-repeat and ignored. A key that was held when Shift changed comes up as another symbol (`!` as
    `1`): where one key is held, it is that one; where several are, all are given up.
    """

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._timings: list[KeyTiming] = []
        self.n_lost = 0

    def press(self, identity: Hashable, key_class: str, *, at_ms: float, is_modifier: bool = False) -> None:
        """A key went down, or repeats."""
        self._held.setdefault(hash(identity), _Held(at_ms, key_class, is_modifier))

    def release(self, identity: Hashable, *, at_ms: float) -> None:
        """A key came up. One whose press nobody saw (the key that started the program) is ignored."""
        held = self._held.pop(hash(identity), None) or self._shifted()
        if held is None:
            return
        if at_ms - held.press_ms > LONGEST_HOLD_MS:
            self.n_lost += 1
            return
        self._timings.append(KeyTiming(held.press_ms, max(at_ms, held.press_ms), held.key_class))

    def finish(self) -> list[KeyTiming]:
        """Every key that went down and came up, in the order of presses; those still held are given up."""
        self.n_lost += len(self._held)
        self._held.clear()
        return sorted(self._timings, key=lambda timing: timing.press_ms)

    def _shifted(self) -> _Held | None:
        candidates = [known for known, held in self._held.items() if not held.is_modifier]
        if len(candidates) == 1:
            return self._held.pop(candidates[0])
        for known in candidates:
            del self._held[known]
        self.n_lost += len(candidates)
        return None
