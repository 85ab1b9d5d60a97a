"""Parameters as asked for: given, tuned, or tried out on a grid."""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Parameter
from telltale.train.fitted import FitRequest
from telltale.train.rows import snapshot_sha256
from telltale.train.tune import Objective, Study, grid_search, tune


def search(request: FitRequest, objective: Objective) -> dict[str, Parameter]:
    """The parameters to fit with, after the searches that were asked for. Raises UsageError."""
    choices, parameters = request.choices, request.parameters
    estimator, progress, seed = request.estimator, request.progress, choices.seed
    if choices.grid_search:
        parameters = grid_search(objective, estimator.grid, parameters, seed=seed, progress=progress).parameters
    if choices.n_trials:
        space = choices.search_space or estimator.search_space
        _check(request, space)
        study = _study(request, space) if choices.study else Study()
        parameters = tune(
            objective, space, parameters, n_trials=choices.n_trials, seed=seed, progress=progress, study=study
        ).parameters
    return parameters


def is_searched(request: FitRequest) -> bool:
    """Whether a search was asked for."""
    return bool(request.choices.n_trials) or request.choices.grid_search


def refuse_search(request: FitRequest) -> None:
    """Raise UsageError where a search is asked for that this kind of task does not have."""
    if is_searched(request) or request.choices.contamination is not None:
        raise UsageError(
            f"a task of kind {request.task.kind} has no --tune, --grid-search or --contamination",
            where="train",
            mend="Leave them out.",
        )


def refuse_contamination(request: FitRequest) -> None:
    """Raise UsageError where a share to flag is asked for of a task that flags nothing."""
    if request.choices.contamination is not None:
        raise UsageError(
            f"a task of kind {request.task.kind} has no --contamination", where="train", mend="Leave it out."
        )


def _check(request: FitRequest, space: Mapping[str, Choice]) -> None:
    """A space of what the model has, around what it is tuned from."""
    estimator, parameters = request.estimator, request.parameters
    asked = request.choices.search_space
    where = f"--search of {estimator.name}"
    for name, choice in asked.items():
        if name not in estimator.defaults:
            raise UsageError.not_one_of(name, estimator.defaults, where=where)
        value = parameters[name]
        is_number = not isinstance(value, str) and choice.kind != "category"
        fits = choice.low <= value <= choice.high if is_number else value in choice.values  # type: ignore[operator]  # a number
        if not fits:
            raise UsageError(
                f"{name} is {value!r} where the search begins, which is not among what is to be tried",
                where=where,
                mend="Widen the range, or add the value to the list: the search must not end worse than it began.",
            )
    if not asked and not space:
        raise UsageError(
            f"{estimator.name} has nothing to tune", where="tune", mend="Name what to try: --search NAME=LOW..HIGH."
        )


def _study(request: FitRequest, space: Mapping[str, Choice]) -> Study:
    """The study of these rows, this model and this space: asked for again it goes on, and with anything else it begins."""
    rows = snapshot_sha256(request.frame, request.columns)
    asked = (rows, request.estimator.name, request.parameters, space, request.choices.seed)
    digest = blake2b(msgspec.json.encode(asked, order="sorted"), digest_size=8).hexdigest()
    return Study(path=request.choices.study, name=f"{request.app.name}/{request.task.name} {digest}")
