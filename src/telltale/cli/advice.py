"""What to try after a version missed a target, from what it was trained on and with."""

from datetime import datetime, timedelta
from math import ceil

from telltale.contract.app import Task
from telltale.models.estimators import estimator_named, missing_modules
from telltale.models.manifest import Manifest, TrainedOn
from telltale.train.fitted import TrainingChoices

# Kinds whose parameters can be searched; the others choose for themselves.
_SEARCHED = ("score", "choose")
_FEW_OF_A_CLASS = 100
_LEAST_DAYS = 14
# So many times as often in one part as in the other, a class is not the same thing in both.
_UNALIKE = 2.0


def what_to_try(task: Task, manifest: Manifest, choices: TrainingChoices, *, is_by_rows: bool) -> list[str]:
    """Each thing in a line, the likeliest first.

    Args:
        task: whose version missed a target.
        manifest: of the version.
        choices: what it was trained with.
        is_by_rows: simulated rows were asked for by their number.
    """
    told = [*_classes(manifest), _more(manifest.trained_on, is_by_rows=is_by_rows)]
    if manifest.kind in _SEARCHED and not (choices.grid_search or choices.n_trials):
        told.append("other parameters: --grid-search tries all of the model's grid, --tune 50 looks further")
    others = [name for name in task.every_estimator if name != manifest.estimator]
    there = [name for name in others if not missing_modules(estimator_named(name))]
    if there:
        told.append(f"another model: --estimator {' or '.join(there[:3])}")
    return told


def _more(trained_on: TrainedOn, *, is_by_rows: bool) -> str:
    """More rows, in the words of where they came from."""
    n_rows = trained_on.n_rows
    if trained_on.kind == "store":
        return f"more rows: it had {n_rows:,} stored events; ingest older ones, or wait for newer ones"
    if trained_on.kind == "file":
        return f"more rows: it had {n_rows:,} of the file; --data takes a longer one"
    if is_by_rows or not trained_on.first or not trained_on.last:
        return f"more rows: it had {n_rows:,}; --rows {4 * n_rows}"
    span = datetime.fromisoformat(trained_on.last) - datetime.fromisoformat(trained_on.first)
    return f"more rows: it had {n_rows:,}; --days {max(_LEAST_DAYS, 2 * ceil(span / timedelta(days=1)))}"


def _classes(manifest: Manifest) -> list[str]:
    """What is wrong with the balance of the classes, where something is."""
    trained_on, verdict = manifest.trained_on, manifest.verdict
    if trained_on.n_positive is None or not trained_on.n_rows:
        return []
    share = trained_on.n_positive / trained_on.n_rows
    rarer = min(trained_on.n_positive, trained_on.n_rows - trained_on.n_positive)
    told = []
    if rarer < _FEW_OF_A_CLASS:
        word = "positive" if share <= 0.5 else "negative"
        told.append(f"more of the rarer class: {rarer:,} of {trained_on.n_rows:,} training rows are {word}")
    judged = verdict.prevalence
    if min(share, judged) > 0 and max(share, judged) > _UNALIKE * min(share, judged):
        told.append(
            f"rows like those that it was judged on: {100 * share:.1f} % of the training rows are positive, and "
            f"{100 * judged:.1f} % of those"
        )
    return told
