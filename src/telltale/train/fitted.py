"""What a kind of task is asked to fit, and what comes back, before and after it is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import App, Task
from telltale.contract.estimator import AnyEstimator, Choice, Parameter, Parts, Scores, Tell
from telltale.contract.kinds import Choices
from telltale.contract.plan import Plan
from telltale.contract.verdict import Measured, Verdict
from telltale.evaluate.choice_classes import ChoiceClasses
from telltale.evaluate.metrics import DetectionResult
from telltale.models.manifest import Calibration, OperatingPoint

Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True, kw_only=True)
class TrainingChoices:
    """What a person may choose; everything else follows from the task and the rows.

    `contamination` and `device` are for models that have such a parameter; the others do without. `search_space` takes the
    place of the model's own in a search; `study` is the file of trials that a search goes on from ("" for none).
    """

    estimator: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    contamination: float | None = None
    device: str = ""
    seed: int = 0
    n_trials: int = 0
    grid_search: bool = False
    search_space: dict[str, Choice] = field(default_factory=dict)
    study: str = ""


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """Rows to fit on, and how.

    Args:
        app, task: whose version it is.
        estimator: of the task's kind.
        parameters: for the estimator, complete.
        frame: checked training rows.
        columns: the measured columns of the rows.
        choices: what a person asked for.
        progress: told after each step.
        tell: given lines for people.
    """

    app: App
    task: Task
    estimator: AnyEstimator
    parameters: dict[str, Parameter]
    frame: pl.DataFrame
    columns: tuple[str, ...]
    choices: TrainingChoices
    progress: Progress
    tell: Tell


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Scores of training rows by models that had not seen them, NaN where there is none.

    `whole` with the rows before each at hand, `alone` without, where that makes a difference; `strangers` as if their
    entities had not been seen either, where the plan knows what to say of such.
    """

    whole: Scores
    alone: Scores
    strangers: Scores | None = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted version before it is judged.

    `parameters` are those fitted with, after any search; `choices` what a version that chooses has to choose from.
    """

    parts: Parts
    parameters: dict[str, Parameter]
    plan: Plan | None = None
    threshold: float | None = None
    operating_point: OperatingPoint | None = None
    left_out: LeftOut | None = None
    choices: Choices | None = None


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Scores of what was verified, whose each was said to be, and whether it was theirs (1) or not (0); shape (n,) each."""

    scores: Scores
    labels: NDArray[np.int8]
    entities: tuple[str, ...]

    @property
    def is_both(self) -> bool:
        """Whether there are genuine rows and impostors'."""
        return bool((self.labels == 1).any() and (self.labels == 0).any())


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a version is worth on rows it was not trained on.

    Args:
        verdict: what the gate says.
        metrics: every figure; empty where the rows cannot be judged on.
        result: counts and curves of a task that scores.
        calibration: how often each score was positive, of a task that scores.
        tried: what was verified, of a task that verifies.
        classes: choices as classes, of a task that chooses: by the scenario, "" for the rows' own prices.
    """

    verdict: Verdict
    metrics: Mapping[str, Measured]
    result: DetectionResult | None = None
    calibration: Calibration | None = None
    tried: Tried | None = None
    classes: Mapping[str, ChoiceClasses] = field(default_factory=dict)
