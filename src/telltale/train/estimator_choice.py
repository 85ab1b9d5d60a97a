"""Which model a version is trained with, when nobody says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import UsageError
from telltale.contract.estimator import AnyEstimator, Parameter
from telltale.models.estimators import estimator_named, missing_modules
from telltale.telemetry.frames import LABEL
from telltale.train.fitted import TrainingChoices

# Fewer rows than this tell nothing of what is to come.
LEAST_KNOWN = 50
_EXTRAS = {"torch": "neural"}
_FITS: Final[Mapping[str, Callable[[int], bool]]] = {
    "any": lambda _n: True,
    "one": lambda n: n == 1,
    "several": lambda n: n > 1,
}


@dataclass(frozen=True, kw_only=True)
class EstimatorChoice:
    """An estimator, and why each one before it in the task's list was passed over."""

    estimator: AnyEstimator
    passed_over: dict[str, str]


def choose_estimator(
    task: Task, choices: TrainingChoices, frame: pl.DataFrame, *, columns: Sequence[str], declared: Sequence[str]
) -> EstimatorChoice:
    """The estimator asked for, or the task's first that can be trained here on these rows.

    Args:
        task: whose.
        choices: what a person asked for.
        frame: checked training rows.
        columns: their measured columns.
        declared: those that the event declares.

    Raises:
        UsageError: it is not one of the task's, needs what is not installed or labels that are not there; or none fits.
    """
    if choices.estimator:
        if choices.estimator not in task.every_estimator:
            raise UsageError.not_one_of(choices.estimator, task.every_estimator, where=f"estimator of {task.name}")
        estimator: AnyEstimator = estimator_named(choices.estimator)
        why = _obstacle(estimator, task, frame, columns)
        if why:
            raise UsageError(f"{estimator.name} {why}", where=f"estimator of {task.name}", mend=_mend(estimator, why))
        return EstimatorChoice(estimator=estimator, passed_over={})
    passed_over: dict[str, str] = {}
    names = task.estimators_for(columns, declared)
    for name in names:
        estimator = estimator_named(name)
        why = _obstacle(estimator, task, frame, columns)
        if not why:
            return EstimatorChoice(estimator=estimator, passed_over=passed_over)
        passed_over[name] = why
    told = "; ".join(f"{name} {why}" for name, why in passed_over.items())
    last = estimator_named(names[-1])
    raise UsageError(told, where=f"estimator of {task.name}", mend=_mend(last, passed_over[last.name]))


def obstacles(task: Task) -> dict[str, str]:
    """What keeps each estimator of a task from being trained here, whatever the rows; those without are left out."""
    found = {}
    for name in task.every_estimator:
        missing = missing_modules(estimator_named(name))
        if missing:
            found[name] = f"needs {', '.join(missing)}"
    return found


def install_command(estimator: AnyEstimator) -> str:
    """What installs what training with it needs and is missing; "" where nothing is, or no extra of ours has it."""
    extras = sorted({_EXTRAS[name] for name in missing_modules(estimator) if name in _EXTRAS})
    return f"pip install 'telltale-loop[{','.join(extras)}]'" if extras else ""


def complete_parameters(estimator: AnyEstimator, choices: TrainingChoices) -> dict[str, Parameter]:
    """Defaults and what a person gave, checked. Raises UsageError."""
    unknown = choices.parameters.keys() - estimator.defaults.keys()
    if unknown:
        raise UsageError.not_one_of(min(unknown), estimator.defaults, where=f"parameter of {estimator.name}")
    parameters = {**estimator.defaults, **choices.parameters}
    if choices.contamination is not None:
        if not 0 < choices.contamination < 0.5:
            raise UsageError(
                f"contamination {choices.contamination}", where="train", mend="Give a share between 0 and 0.5."
            )
        if "contamination" in parameters:
            parameters["contamination"] = choices.contamination
    if choices.device and "device" in parameters and "device" not in choices.parameters:
        parameters["device"] = choices.device
    return parameters


def _obstacle(estimator: AnyEstimator, task: Task, frame: pl.DataFrame, columns: Sequence[str]) -> str:
    missing = missing_modules(estimator)
    if missing:
        return f"needs {', '.join(missing)}"
    if estimator.traits.needs_labels and not _has_both_labels(frame):
        return "needs rows labelled 0 and rows labelled 1"
    if estimator.traits.needs_outcomes and not _tells_what_came_later(task, frame):
        return f"needs at least {LEAST_KNOWN} rows that say what came later"
    if not _FITS[estimator.traits.columns](len(columns)):
        return f"reads {estimator.traits.columns} column{'s' * (estimator.traits.columns != 'one')}; there are {len(columns)}"
    return ""


def _has_both_labels(frame: pl.DataFrame) -> bool:
    return LABEL in frame.columns and set(frame[LABEL].drop_nulls().unique()) >= {0, 1}


def _tells_what_came_later(task: Task, frame: pl.DataFrame) -> bool:
    names = task.segmenting.outcomes[:1] if task.segmenting else ()
    return any(name in frame.columns and frame[name].count() >= LEAST_KNOWN for name in names)


def _mend(estimator: AnyEstimator, why: str) -> str:
    install = install_command(estimator)
    if install:
        return f"Install it: {install}."
    if "came later" in why:
        return "Give older rows with what came of them, or choose another with --estimator."
    return "Add the label column to the data, or choose another with --estimator." if "label" in why else ""
