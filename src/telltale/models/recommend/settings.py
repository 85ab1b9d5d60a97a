"""What a blend is fitted with: of which members so much, and how each is fitted."""

from dataclasses import dataclass, replace
from typing import Final

from telltale.contract.estimator import Parameters
from telltale.models.recommend.factors import Factorising
from telltale.models.recommend.repeats import AS_ANY

_FACTORS: Final = Factorising(n_factors=64, unobserved=0.1, l2=0.03, n_epochs=8)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Chosen or given.

    Args:
        max_items: so many items have weights, the most taken ones.
        n_weights: of each, so many are kept.
        nearness: the share, from 0 to 1, of what stood close in a history beside who took both.
        memory: how old a row is, as a share of the time of all rows, that counts half in the weights; 0: all count alike.
        l2: the penalty of the weights.
        factors: of the vectors.
        blend: how much of each member, in the order of `MEMBERS`.
        again: what items had before are worth, as in `telltale.models.recommend.repeats`.
    """

    max_items: int = 5_000
    n_weights: int = 400
    nearness: float = 0.7
    memory: float = 0.0
    l2: float = 100.0
    factors: Factorising = _FACTORS
    blend: tuple[float, ...] = (1.0, 1.0, 0.0, 0.0, 0.0)
    again: tuple[float, ...] = AS_ANY

    @classmethod
    def of(cls, parameters: Parameters) -> "Settings":
        """With what a person said."""
        return cls(
            max_items=int(parameters["max_items"]),
            n_weights=int(parameters["n_weights"]),
            factors=replace(_FACTORS, n_factors=int(parameters["n_factors"])),
        )
