"""How much a match between two visits counts."""

from typing import Final, Literal

import msgspec
import numpy as np

from telltale.contract.estimator import Floats

# A decay so slow that there is none.
NEVER: Final = 1e9
_LINEAR_STEP: Final = 0.1

Order = Literal["exponential", "linear"]


class Weighing(msgspec.Struct, frozen=True, kw_only=True):
    """Three decays, how many neighbours, and whether rare items say more.

    Args:
        neighbours: the most alike so many visits say what comes next.
        position: items; an item of the current visit counts `exp(-back / position)`, `back` items before its last one.
        age_days: a visit of `age` days before the newest counts `exp(-age / age_days)`.
        distance: items; what was looked at `apart` items from the newest match counts `exp(-apart / distance)`.
        idf: an item of the current visit counts `ln(1 + visits / visits with it)` times as much.
        order: with "linear" the first decay is that of VS-KNN: the place in the visit over its length; and a neighbour counts
            a tenth less for each item after its newest match.
    """

    neighbours: int = 200
    position: float = NEVER
    age_days: float = NEVER
    distance: float = NEVER
    idf: bool = False
    order: Order = "exponential"

    def of_positions(self, backs: Floats, length: int) -> Floats:
        """What items of a visit of `length` items count, `backs` items before its last one."""
        if self.order == "linear":
            return np.asarray(1.0 - backs / length)
        return np.exp(-backs / self.position)

    def of_matches(self, backs: Floats) -> Floats:
        """What neighbours count whose newest match is `backs` items before the visit's last one."""
        if self.order == "linear":
            return np.maximum(1.0 - _LINEAR_STEP * backs, 0.0)
        return np.ones(len(backs))


SKNN: Final = Weighing(neighbours=100)
VSKNN: Final = Weighing(neighbours=200, order="linear", idf=True)
