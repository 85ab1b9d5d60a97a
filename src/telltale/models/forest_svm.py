"""Isolation Forest and one-class SVM on one calibrated scale, with boosted trees beside them where rows are labelled.

One cuts columns at random and finds what is odd in few of them, the other measures distance in all of them at once. Each
score is told as how rare it is among normal rows, so that neither's unit counts; see `telltale.models.ensemble`.
"""

from typing import Final

from telltale.contract.estimator import Estimator
from telltale.models.ensemble import Ensemble
from telltale.models.isolation_forest import ESTIMATOR as FOREST
from telltale.models.one_class_svm import ESTIMATOR as SVM

MEMBERS: Final[tuple[Estimator, ...]] = (FOREST, SVM)

ESTIMATOR: Final = Ensemble(
    "forest_svm", MEMBERS, grid={"max_samples": (128, 256, 512), "nu": (0.02, 0.05, 0.1)}, tells_rarity=True
)
