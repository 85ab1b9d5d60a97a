"""Tuning: parameters chosen on training rows alone, by average precision over rows left out of each fit.

Among many trials the best one is partly lucky. It is fitted once more under another seed, beside the parameters tuned
from, and takes their place only where it is still better, by more than the gain's standard error over resampled rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Estimator, Parameter, Scores
from telltale.evaluate.metrics import average_precision
from telltale.train.fitted import Progress
from telltale.train.prepared import Prepared, left_out_scores

if TYPE_CHECKING:
    import optuna

_RESAMPLES = 100


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters, the scores of the labelled rows left out, and what they are worth."""

    parameters: dict[str, Parameter]
    scores: Scores
    average_precision: float


def grid_search(
    estimator: Estimator, prepared: Prepared, base: Mapping[str, Parameter], *, seed: int, progress: Progress
) -> Trial:
    """Try every combination of the estimator's grid; the best, or `base` where none is clearly better.

    Raises:
        UsageError: no row is labelled.
    """
    first = best = _try(estimator, prepared, dict(base), seed=seed)
    combinations = list(_combinations(estimator.grid))
    for done, combination in enumerate(combinations):
        progress("grid search", done, len(combinations))
        best = _better(best, _try(estimator, prepared, {**base, **combination}, seed=seed))
    progress("grid search", len(combinations), len(combinations))
    return _clearly_better(estimator, prepared, first, best, seed=seed)


def tune(
    estimator: Estimator,
    prepared: Prepared,
    base: Mapping[str, Parameter],
    *,
    n_trials: int,
    seed: int,
    progress: Progress,
) -> Trial:
    """Search the estimator's space with Optuna's tree-structured Parzen estimator, `base` tried first.

    Raises:
        UsageError: fewer than one trial is asked for, or no row is labelled.

    References:
        Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019.
    """
    if n_trials < 1:
        raise UsageError(f"{n_trials} trials", where="tune", mend="Ask for at least one.")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: base[name] for name in estimator.search_space})
    first = best = _try(estimator, prepared, dict(base), seed=seed)
    for done in range(n_trials):
        progress("tuning", done, n_trials)
        asked = study.ask()
        tried = {name: _suggest(asked, name, choice) for name, choice in estimator.search_space.items()}
        trial = first if done == 0 else _try(estimator, prepared, {**base, **tried}, seed=seed)
        study.tell(asked, trial.average_precision)
        best = _better(best, trial)
    progress("tuning", n_trials, n_trials)
    return _clearly_better(estimator, prepared, first, best, seed=seed)


def _try(estimator: Estimator, prepared: Prepared, parameters: dict[str, Parameter], *, seed: int) -> Trial:
    labels = _known_labels(prepared)
    scores = left_out_scores(estimator, prepared, parameters, seed=seed)[_known(prepared)]
    return Trial(parameters=parameters, scores=scores, average_precision=average_precision(labels, scores))


def _better(one: Trial, other: Trial) -> Trial:
    return other if other.average_precision > one.average_precision else one


def _clearly_better(estimator: Estimator, prepared: Prepared, first: Trial, best: Trial, *, seed: int) -> Trial:
    """`best` where it is clearly better than `first` under a seed that had no part in choosing it."""
    if best.parameters == first.parameters:
        return first
    old, new = (_try(estimator, prepared, trial.parameters, seed=seed + 1).scores for trial in (first, best))
    labels = _known_labels(prepared)
    rng = np.random.default_rng(seed)
    gains = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, len(labels), len(labels))
        if (labels[rows] == 1).any():
            drawn = labels[rows]
            gains.append(average_precision(drawn, new[rows]) - average_precision(drawn, old[rows]))
    return best if np.mean(gains) > np.std(gains) else first


def _known(prepared: Prepared) -> NDArray[np.bool_]:
    labels = prepared.labels
    if labels is None or not (labels == 1).any() or not (labels == 0).any():
        raise UsageError(
            "tuning needs rows labelled 0 and rows labelled 1",
            where="tune",
            mend="Add the label column to the data, or train without --tune and --grid-search.",
        )
    return labels >= 0


def _known_labels(prepared: Prepared) -> NDArray[np.int8]:
    known = _known(prepared)
    assert prepared.labels is not None  # _known has looked
    return prepared.labels[known]


def _combinations(grid: Mapping[str, tuple[Parameter, ...]]) -> Iterator[dict[str, Parameter]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _suggest(trial: "optuna.Trial", name: str, choice: Choice) -> Parameter:
    if choice.kind == "int":
        return trial.suggest_int(name, int(choice.low), int(choice.high), log=choice.log)
    return trial.suggest_float(name, choice.low, choice.high, log=choice.log)
