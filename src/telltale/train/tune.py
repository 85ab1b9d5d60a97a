"""Tuning: parameters chosen on training rows alone, by average precision over rows left out of each fit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Estimator, Parameter
from telltale.evaluate.metrics import average_precision
from telltale.train.fit import Prepared, Progress, left_out_scores

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters and what it is worth."""

    parameters: dict[str, Parameter]
    average_precision: float


def grid_search(
    estimator: Estimator, prepared: Prepared, base: Mapping[str, Parameter], *, seed: int, progress: Progress
) -> Trial:
    """Try every combination of the estimator's grid; the best, the first where several are equal."""
    combinations = list(_combinations(estimator.grid))
    best: Trial | None = None
    for done, combination in enumerate(combinations):
        progress("grid search", done, len(combinations))
        trial = _try(estimator, prepared, {**base, **combination}, seed=seed)
        if best is None or trial.average_precision > best.average_precision:
            best = trial
    progress("grid search", len(combinations), len(combinations))
    assert best is not None  # an estimator has at least one combination
    return best


def tune(
    estimator: Estimator,
    prepared: Prepared,
    base: Mapping[str, Parameter],
    *,
    n_trials: int,
    seed: int,
    progress: Progress,
) -> Trial:
    """Search the estimator's space with Optuna's tree-structured Parzen estimator, the defaults tried first.

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
    study.enqueue_trial({name: base[name] for name in estimator.search_space if name in base})
    for done in range(n_trials):
        progress("tuning", done, n_trials)
        trial = study.ask()
        tried = {name: _suggest(trial, name, choice) for name, choice in estimator.search_space.items()}
        study.tell(trial, _try(estimator, prepared, {**base, **tried}, seed=seed).average_precision)
    progress("tuning", n_trials, n_trials)
    return Trial(parameters={**base, **study.best_params}, average_precision=float(study.best_value))


def _try(estimator: Estimator, prepared: Prepared, parameters: dict[str, Parameter], *, seed: int) -> Trial:
    labels = prepared.labels
    if labels is None or not (labels == 1).any() or not (labels == 0).any():
        raise UsageError(
            "tuning needs rows labelled 0 and rows labelled 1",
            where="tune",
            mend="Add the label column to the data, or train without --tune and --grid-search.",
        )
    scores = left_out_scores(estimator, prepared, parameters, seed=seed)
    known = labels >= 0
    return Trial(parameters=parameters, average_precision=average_precision(labels[known], scores[known]))


def _combinations(grid: Mapping[str, tuple[Parameter, ...]]) -> Iterator[dict[str, Parameter]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _suggest(trial: "optuna.Trial", name: str, choice: Choice) -> Parameter:
    if choice.kind == "int":
        return trial.suggest_int(name, int(choice.low), int(choice.high), log=choice.log)
    return trial.suggest_float(name, choice.low, choice.high, log=choice.log)
