"""Cross-validation: the whole procedure of training judged on every part of the rows, each left out once.

What one held-out part says of few rows is mostly luck. Parts are those that tuning leaves out: whole days in turn, or whole
entities where a task keeps them apart, so that no row has its like in training. Nothing is registered.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np
import polars as pl

from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell, silent
from telltale.contract.split import LastOfEach
from telltale.train.fitted import Progress, TrainingChoices
from telltale.train.split import folds
from telltale.train.version import TrainingRows, figures, together, train_version

MOST_FOLDS: Final = 20
_LEAST_FOLDS: Final = 2


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A figure over the parts: its mean, its standard deviation, and its value on each; None where it is not defined."""

    mean: float
    sd: float
    values: tuple[float | None, ...]


class CrossValidated(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Args:
        app, task: whose model.
        estimator: its name.
        data_kind: where the rows came from.
        n_rows: of each part.
        metrics: by name; those that are defined on no part are left out.
    """

    app: str
    task: str
    estimator: str
    data_kind: str
    n_rows: tuple[int, ...]
    metrics: dict[str, Spread]


def cross_validate(
    app: App,
    task: Task,
    rows: TrainingRows,
    choices: TrainingChoices,
    *,
    n_folds: int,
    progress: Progress,
    tell: Tell = silent,
) -> CrossValidated:
    """Train as often as there are parts, each time without one, and judge on that one.

    Raises:
        UsageError: fewer than two parts, more than twenty, or a task that is judged on what its entities do next.
        NotEnoughDataError: a part has no row, or the rest of the rows are too few.
    """
    if not _LEAST_FOLDS <= n_folds <= MOST_FOLDS:
        raise UsageError(
            f"{n_folds} parts", where="train, --folds", mend=f"Ask for {_LEAST_FOLDS} to {MOST_FOLDS} of them."
        )
    if isinstance(task.split, LastOfEach):
        raise UsageError(
            f"{app.name}/{task.name} is judged on what its entities do next",
            where="train, --folds",
            mend="Train it as it is: the last rows of each are held out.",
        )
    frame = together(rows)
    fold_of = pl.Series(folds(frame, task.split, n_folds=n_folds))
    judged: list[dict[str, float | None]] = []
    estimator = ""
    for fold in range(n_folds):
        progress("cross-validation", fold, n_folds)
        part = TrainingRows(
            kind=rows.kind,
            train=frame.filter(fold_of != fold),
            held_out=frame.filter(fold_of == fold),
            columns=rows.columns,
        )
        with TemporaryDirectory(prefix="telltale-") as scratch:
            trained = train_version(
                app, task, part, choices, directory=Path(scratch) / "bundle", progress=_unseen, tell=tell
            )
        judged.append(figures(trained.judged.metrics))
        estimator = trained.manifest.estimator
    progress("cross-validation", n_folds, n_folds)
    names = dict.fromkeys(name for one in judged for name in one)
    spreads = {name: _spread([one.get(name) for one in judged]) for name in names}
    return CrossValidated(
        app=app.name,
        task=task.name,
        estimator=estimator,
        data_kind=rows.kind,
        n_rows=tuple(int((fold_of == fold).sum()) for fold in range(n_folds)),
        metrics={name: spread for name, spread in spreads.items() if spread is not None},
    )


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return None
    sd = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return Spread(mean=float(known.mean()), sd=sd, values=tuple(values))


def _unseen(_what: str, _done: int, _of: int) -> None:
    """The bar shows parts, not what goes on in each."""
