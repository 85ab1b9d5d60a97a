"""Tuning: parameters chosen on training rows alone, by what they are worth on rows left out of each fit.

Among many trials the best one is partly lucky. It is fitted once more under another seed, beside the parameters tuned
from, and takes their place only where it is still better, by more than the gain's standard error over resampled rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Parameter
from telltale.train.fitted import Progress

if TYPE_CHECKING:
    import optuna

_RESAMPLES: Final = 100
# A trial is given up where, on the folds so far, it is worth less than the middle one of at least so many others.
_PRUNED_AFTER: Final = 5


class Objective(Protocol):
    """What parameters are tried on: the training rows in folds, each left out of a fit once."""

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        ...

    def try_fold(self, parameters: Mapping[str, Parameter], fold: int, *, seed: int) -> Any:
        """What came of a fit without a fold, on that fold."""
        ...

    def worth(self, tried: Sequence[Any]) -> float:
        """What that is worth, of one fold or several; HIGHER is better."""
        ...

    def gains(self, old: Sequence[Any], new: Sequence[Any], *, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """How much more the new is worth than the old, on each of `n` resamples of the rows; fewer where one says nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters, and what it is worth on left-out rows."""

    parameters: dict[str, Parameter]
    worth: float


@dataclass(frozen=True, kw_only=True)
class Study:
    """Where trials are kept, so that a search that was cut off goes on from there.

    Args:
        path: a file (SQLite); "" for memory.
        name: says what was tried on what: another model, other rows or another space is another study.
    """

    path: str = ""
    name: str = ""


def grid_search(
    objective: Objective,
    grid: Mapping[str, tuple[Parameter, ...]],
    base: Mapping[str, Parameter],
    *,
    seed: int,
    progress: Progress,
) -> Trial:
    """Try every combination of a grid; the best, or `base` where none is clearly better."""
    first = best = _try(objective, dict(base), seed=seed)
    combinations = list(_combinations(grid))
    for done, combination in enumerate(combinations):
        progress("grid search", done, len(combinations))
        trial = _try(objective, {**base, **combination}, seed=seed)
        best = trial if trial.worth > best.worth else best
    progress("grid search", len(combinations), len(combinations))
    return _clearly_better(objective, first, best, seed=seed)


def tune(
    objective: Objective,
    space: Mapping[str, Choice],
    base: Mapping[str, Parameter],
    *,
    n_trials: int,
    seed: int,
    progress: Progress,
    study: Study = Study(),
) -> Trial:
    """Search a space with Optuna's tree-structured Parzen estimator, `base` first; hopeless trials are given up fold by fold.

    With a study of a file, trials made before count: so many in all are made.

    Raises:
        UsageError: fewer than one trial is asked for, or a value of `base` lies outside its range.

    References:
        Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. Pruning by the median:
        Golovin et al., "Google Vizier", KDD 2017.
    """
    if n_trials < 1:
        raise UsageError(f"{n_trials} trials", where="tune", mend="Ask for at least one.")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = optuna.create_study(
        direction="maximize",
        study_name=study.name or None,
        storage=f"sqlite:///{study.path}" if study.path else None,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_PRUNED_AFTER),
    )
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    n_before = len(found.get_trials(deepcopy=False, states=ended))
    # Another seed where it goes on, or it would suggest what it suggested before.
    found.sampler = optuna.samplers.TPESampler(seed=seed + n_before)
    if not n_before:
        found.enqueue_trial({name: base[name] for name in space})
    for done in range(n_before, n_trials):
        progress("tuning", done, n_trials)
        _make_trial(found, objective, space, base, seed=seed)
    progress("tuning", n_trials, n_trials)
    best = Trial(parameters={**base, **found.best_trial.params}, worth=float(found.best_value))
    return _clearly_better(objective, _try(objective, dict(base), seed=seed), best, seed=seed)


def _make_trial(
    found: "optuna.Study",
    objective: Objective,
    space: Mapping[str, Choice],
    base: Mapping[str, Parameter],
    *,
    seed: int,
) -> None:
    import optuna

    asked = found.ask()
    parameters = {**base, **{name: _suggest(asked, name, choice) for name, choice in space.items()}}
    tried: list[Any] = []
    for fold in range(objective.n_folds):
        tried.append(objective.try_fold(parameters, fold, seed=seed))
        asked.report(objective.worth(tried), fold)
        if fold + 1 < objective.n_folds and asked.should_prune():
            found.tell(asked, state=optuna.trial.TrialState.PRUNED)
            return
    found.tell(asked, objective.worth(tried))


def _try(objective: Objective, parameters: dict[str, Parameter], *, seed: int) -> Trial:
    return Trial(parameters=parameters, worth=objective.worth(_all(objective, parameters, seed=seed)))


def _all(objective: Objective, parameters: Mapping[str, Parameter], *, seed: int) -> list[Any]:
    return [objective.try_fold(parameters, fold, seed=seed) for fold in range(objective.n_folds)]


def _clearly_better(objective: Objective, first: Trial, best: Trial, *, seed: int) -> Trial:
    """`best` where it is clearly better than `first` under a seed that had no part in choosing it."""
    if best.parameters == first.parameters:
        return first
    old, new = (_all(objective, trial.parameters, seed=seed + 1) for trial in (first, best))
    gains = objective.gains(old, new, rng=np.random.default_rng(seed), n=_RESAMPLES)
    return best if np.mean(gains) > np.std(gains) else first


def _combinations(grid: Mapping[str, tuple[Parameter, ...]]) -> Iterator[dict[str, Parameter]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _suggest(trial: "optuna.Trial", name: str, choice: Choice) -> Parameter:
    match choice.kind:
        case "int":
            return trial.suggest_int(name, int(choice.low), int(choice.high), log=choice.log)
        case "float":
            return trial.suggest_float(name, choice.low, choice.high, log=choice.log)
        case "category":
            return trial.suggest_categorical(name, choice.values)  # type: ignore[return-value]  # one of the values
