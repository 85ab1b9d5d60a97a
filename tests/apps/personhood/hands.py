"""Made-up typists for a keyboard: what each key does, in ms. A hand is the same person's every time, never twice the same."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stroke:
    """A key goes down ("keyDown") or up ("keyUp") so long after the first one."""

    at_ms: float
    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How somebody types.

    Args:
        hold_ms, pace_ms: how long a key is held, and the time from one key to the next, in the middle.
        seed: of what is this person's own: which keys they hold longer, which steps come slower.
        unlike: how much keys, and steps between them, differ from one another.
        unsteady: how much the same key differs from time to time.
    """

    hold_ms: float
    pace_ms: float
    seed: int
    unlike: float = 0.3
    unsteady: float = 0.12

    def type(self, names: list[str], rng: np.random.Generator) -> list[Stroke]:
        """The strokes of keys one after the other, in order of time. A key comes up before it goes down again."""
        strokes, at_ms, free_ms = [], 0.0, dict[str, float]()
        for before, name in zip([" ", *names], names, strict=False):
            at_ms = max(at_ms, free_ms.get(name, -8.0) + 8.0)
            held_ms = self.hold_ms * self._own(name) * rng.lognormal(0, self.unsteady)
            free_ms[name] = at_ms + held_ms
            strokes += [Stroke(at_ms, "keyDown", name), Stroke(at_ms + held_ms, "keyUp", name)]
            at_ms += self.pace_ms * self._own(before + name) * rng.lognormal(0, self.unsteady)
        return sorted(strokes, key=lambda stroke: stroke.at_ms)

    def _own(self, what: str) -> float:
        own = np.random.default_rng([self.seed, *what.encode()])
        return float(own.lognormal(0, self.unlike))
