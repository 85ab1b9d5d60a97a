"""`telltale hand tree|logistic|compare`: our hand-written models on a file of numbers, told and drawn."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import polars as pl

from telltale.apps.storefront.hand_comparison import Compared, ModelComparison, compare
from telltale.apps.storefront.hand_models import TrainedLogistic, TrainedTree, told_logistic, told_tree
from telltale.apps.storefront.hand_rows import MOST_CLASSES, Labels, Matrix
from telltale.contract.command import AppCommand, CommandOption
from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.estimator import Tell
from telltale.models import grown_tree
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import Criterion
from telltale.models.logistic_fit import Penalty, fit_logistic
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LINE
from telltale.telemetry.values import as_floats

_DATA: Final = (
    CommandOption(name="data", help="CSV, NDJSON or Parquet file of numbers.", kind="file", is_required=True),
    CommandOption(name="label", help="The column of classes, as whole numbers.", default="label"),
)
_DRAW: Final = CommandOption(name="draw", help="Also write a picture: FILE.svg or FILE.png.", kind="file")


def tree(_home: object, given: Mapping[str, Any], tell: Tell) -> TrainedTree:
    """Grow, prune, tell and draw."""
    names, rows, labels = _read(given["data"], given["label"])
    criterion = cast("Criterion", given["criterion"])
    began = time.perf_counter()
    grown = grow_tree(
        rows,
        labels,
        criterion=criterion,
        max_depth=given["max-depth"],
        min_samples_split=given["min-samples-split"],
        min_samples_leaf=given["min-samples-leaf"],
    )
    grown = grown_tree.prune(grown, _number(given["ccp-alpha"], "ccp-alpha"))
    seconds = time.perf_counter() - began
    found = told_tree(grown, rows, labels, criterion=criterion, seconds=seconds, names=names)
    tell(found.tree)
    _tell_importance(names, found.feature_importance, tell)
    tell(f"Accuracy on the rows it was grown on: {found.training_metrics.accuracy:.1%}; compare judges on others.")
    if given["draw"] is not None:
        from telltale.evaluate.tree_picture import save_tree

        tell(f"Drawn: {save_tree(grown, _picture(given['draw']), names, criterion=criterion)}.")
    return found


def logistic(_home: object, given: Mapping[str, Any], tell: Tell) -> TrainedLogistic:
    """Descend, tell and draw."""
    names, rows, labels = _read(given["data"], given["label"])
    rate = given["learning-rate"]
    began = time.perf_counter()
    model = fit_logistic(
        rows,
        labels,
        penalty=cast("Penalty", given["regularization"]),
        lambda_reg=_number(given["lambda-reg"], "lambda-reg"),
        learning_rate=None if rate is None else _number(rate, "learning-rate"),
        n_iterations=given["iterations"],
    )
    found = told_logistic(model, rows, labels, seconds=time.perf_counter() - began, names=names)
    ending = "the cost no longer fell" if found.stopped_early else "that is all that was allowed"
    tell(
        f"Cost {found.cost_history[0]:.4g} at first, {found.cost_history[-1]:.4g} after {found.n_iterations:,} steps: {ending}."
    )
    _tell_importance(names, found.feature_importance, tell)
    tell(f"Accuracy on the rows it was fitted on: {found.training_metrics.accuracy:.1%}; compare judges on others.")
    if given["draw"] is not None:
        from telltale.evaluate.descent_picture import save_descent

        tell(f"Drawn: {save_descent(model, _picture(given['draw']), names)}.")
    return found


def compare_both(_home: object, given: Mapping[str, Any], tell: Tell) -> Compared:
    """Both beside scikit-learn's, on rows held out."""
    _, rows, labels = _read(given["data"], given["label"])
    share = _number(given["test-size"], "test-size")
    if not 0 < share < 1:
        raise UsageError(f"{share:g} is no share", where="hand compare --test-size", mend="Give one between 0 and 1.")
    found = compare(rows, labels, test_size=share, seed=given["seed"])
    tell(f"Fitted on {found.n_train:,} rows, judged on {found.n_test or found.n_train:,} {found.judged_on}.")
    for name, one in (("logistic regression", found.logistic_regression), ("decision tree", found.decision_tree)):
        _tell_comparison(name, one, tell)
    return found


def _tell_comparison(name: str, one: ModelComparison, tell: Tell) -> None:
    for whose, side in (("ours", one.manual), ("scikit-learn's", one.sklearn)):
        area = "–" if side.auroc is None else f"{side.auroc:.3f}"
        tell(
            f"{name:<20} {whose:<15} accuracy {side.metrics.accuracy:.1%}  AUROC {area}  F1 {side.metrics.f1:.3f}  "
            f"{side.seconds * 1e3:,.1f} ms"
        )
    tell(f"{name:<20} both say the same of {one.agreement:.1%} of the rows")


def _read(path: Path, label: str) -> tuple[list[str], Matrix, Labels]:
    """Names, features and classes of a file. Raises SchemaError where a column is no numbers."""
    raw = read_rows(path)
    frame = raw.frame.drop(LINE)
    if label not in frame.columns:
        raise SchemaError.missing([label], frame.columns, where=str(path))
    numbers = {name: as_floats(frame[name], is_text=raw.is_text) for name in frame.columns}
    names = [name for name in frame.columns if name != label and numbers[name].null_count() < frame.height]
    bad = [name for name in (*names, label) if numbers[name].null_count() or not numbers[name].is_finite().all()]
    if bad or not names or raw.unreadable:
        raise SchemaError(
            f"columns {bad} have rows without a number" if bad else "there is no column of numbers, or a row is broken",
            where=str(path),
            mend="Give a file in which every row has a number in each column; columns of text alone are left out.",
        )
    classes = numbers[label].to_numpy()
    if len(np.unique(classes)) > MOST_CLASSES or not np.equal(np.mod(classes, 1.0), 0.0).all():
        raise SchemaError(
            f"{label!r} is not of at most {MOST_CLASSES} whole numbers",
            where=str(path),
            mend="Name the column of classes.",
        )
    rows = pl.DataFrame([numbers[name] for name in names]).to_numpy().astype(np.float64)
    return names, rows, classes.astype(np.int64)


def _tell_importance(names: list[str], importance: tuple[float, ...], tell: Tell) -> None:
    ranked = sorted(zip(importance, names, strict=True), key=lambda one: -one[0])[:10]
    tell("Importance: " + ", ".join(f"{name} {share:.1%}" for share, name in ranked if share > 0))


def _picture(path: Path) -> Path:
    if path.suffix.lower() not in {".svg", ".png"}:
        raise UsageError.not_one_of(path.suffix, (".svg", ".png"), where=f"{path}: file suffix")
    return path


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is no number", where=f"hand --{name}", mend="Give one, as in 0.01.") from None


HAND_COMMANDS: Final = (
    AppCommand(
        group="hand",
        name="tree",
        help="Grow our decision tree on a file, and draw it.",
        run=tree,
        options=(
            *_DATA,
            CommandOption(name="max-depth", help="Levels of questions.", kind="number", default=5),
            CommandOption(name="criterion", help="What is split by.", default="gini", choices=("gini", "entropy")),
            CommandOption(name="min-samples-split", help="Smaller nodes are leaves.", kind="number", default=2),
            CommandOption(name="min-samples-leaf", help="No leaf has fewer rows.", kind="number", default=1),
            CommandOption(name="ccp-alpha", help="Prunes: what a leaf must be worth.", default="0"),
            _DRAW,
        ),
    ),
    AppCommand(
        group="hand",
        name="logistic",
        help="Fit our logistic regression on a file, and draw how its cost fell.",
        run=logistic,
        options=(
            *_DATA,
            CommandOption(name="regularization", help="Penalty.", default="l2", choices=("l1", "l2", "none")),
            CommandOption(name="lambda-reg", help="Its strength.", default="0.01"),
            CommandOption(
                name="learning-rate", help="Plain steps of this length.  [default: accelerated ones of our own]"
            ),
            CommandOption(name="iterations", help="At most so many steps.", kind="number", default=1_000),
            _DRAW,
        ),
    ),
    AppCommand(
        group="hand",
        name="compare",
        help="Both beside scikit-learn's, on rows held out: time, accuracy, AUROC, agreement.",
        run=compare_both,
        options=(
            *_DATA,
            CommandOption(name="test-size", help="Share of rows held out.", default="0.2"),
            CommandOption(name="seed", help="Chooses them.", kind="number", default=0),
        ),
    ),
)
