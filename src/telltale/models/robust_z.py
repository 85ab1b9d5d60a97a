"""Robust z: the largest absolute feature. The simple baseline that every model must stand beside, as a full citizen."""

from collections.abc import Mapping
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind


@final
class RobustZ:
    """Score: how many robust deviations the furthest feature is from its median; >= 0, without upper bound.

    A feature that is never negative in training is a magnitude, and less of it is never the event: without that, a row
    whose history is not at hand, and whose changes are 0 for want of it, would stand out for being calm.

    Not for: anomalies that are a matter of several features together.

    References:
        Iglewicz & Hoaglin, "How to Detect and Handle Outliers", ASQC 1993.
    """

    name = "robust_z"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"floor": 0.05}
    search_space: Mapping[str, Choice] = {"floor": Choice(kind="float", low=0.01, high=0.5, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"floor": (0.02, 0.05, 0.1, 0.2)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Medians and median absolute deviations of the rows not labelled positive; nothing is random."""
        del seed
        rows = features if labels is None else features[labels != 1]
        values = rows.astype(np.float64)
        centre = np.median(values, axis=0)
        spread = 1.4826 * np.median(np.abs(values - centre), axis=0)
        is_signed = np.asarray((values < 0).any(axis=0), dtype=np.float64)
        least = np.maximum(spread, float(parameters["floor"]))
        return Parts(arrays={"centre": centre, "spread": least, "is_signed": is_signed})

    def load(self, parts: Parts) -> "LargestZ":
        """A scorer from its arrays."""
        if not {"centre", "spread"} <= parts.arrays.keys():
            raise BundleError("the bundle has no centre and spread", where=self.name, mend="Train the version again.")
        centre = parts.arrays["centre"]
        return LargestZ(centre, parts.arrays["spread"], parts.arrays.get("is_signed", np.ones_like(centre)))


@final
class LargestZ:
    """The largest standardised feature: by its absolute value where `is_signed` is 1, upwards where it is 0."""

    def __init__(
        self, centre: NDArray[np.float64], spread: NDArray[np.float64], is_signed: NDArray[np.float64]
    ) -> None:
        self._centre = centre
        self._spread = spread
        self._downwards = -is_signed

    def score(self, features: Features) -> Scores:
        """One score per row."""
        z = (features - self._centre) / self._spread
        return np.asarray(np.max(np.maximum(z, z * self._downwards), axis=1), dtype=np.float64)

    def score_one(self, features: Features) -> float:
        """The score of one row, shape (1, k)."""
        z = (features - self._centre) / self._spread
        return float(np.max(np.maximum(z, z * self._downwards)))


ESTIMATOR: Final = RobustZ()
