"""Parameters as asked for: given, tuned, or tried out on a grid."""

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameter
from telltale.train.fitted import FitRequest
from telltale.train.prepared import Prepared
from telltale.train.tune import grid_search, tune


def search(request: FitRequest, prepared: Prepared) -> dict[str, Parameter]:
    """The parameters to fit with, after the searches that were asked for. Raises UsageError."""
    choices, parameters = request.choices, request.parameters
    estimator, progress, seed = request.estimator, request.progress, request.choices.seed
    if choices.grid_search:
        found = grid_search(estimator, prepared, parameters, seed=seed, progress=progress)  # type: ignore[arg-type]  # it scores
        parameters = found.parameters
    if choices.n_trials:
        found = tune(estimator, prepared, parameters, n_trials=choices.n_trials, seed=seed, progress=progress)  # type: ignore[arg-type]  # it scores
        parameters = found.parameters
    return parameters


def refuse_search(request: FitRequest) -> None:
    """Raise UsageError where a search is asked for that this kind of task does not have."""
    if request.choices.grid_search or request.choices.n_trials or request.choices.contamination is not None:
        raise UsageError(
            f"a task of kind {request.task.kind} has no --tune, --grid-search or --contamination",
            where="train",
            mend="Leave them out.",
        )
