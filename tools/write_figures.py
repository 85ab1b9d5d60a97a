"""Draws the pictures of docs/methods/: trains, evaluates, and keeps what an evaluation draws.

    python tools/write_figures.py [TASK ...]

Rows are simulated: `telltale train APP/TASK`, then `telltale evaluate APP/TASK -o FOLDER` on rows of another seed, as
anybody can repeat; the hand-written models are drawn by `telltale hand` on the breast-cancer set that scikit-learn ships.
Without a name everything below is drawn again; two minutes on two cores.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from sklearn.datasets import load_breast_cancer

from telltale.cli import main as telltale
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.evaluation_files import write_evaluation

_FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "methods"
# Of the pictures of an evaluation, those that a page shows.
_SHOWN = {
    "storefront/requests": (
        "roc_curve.png",
        "precision_recall_curve.png",
        "score_distribution.png",
        "feature_importance.png",
    ),
    "storefront/users": ("segments.png",),
    "storefront/activity": ("segments.png",),
    "storefront/recommend": ("figures.png",),
    "storefront/trend": ("forecast.png",),
}
_HAND = "hand"


def main(names: list[str]) -> int:
    """Draw what is asked for; the exit status."""
    unknown = sorted(set(names) - _SHOWN.keys() - {_HAND})
    if unknown:
        raise UsageError.not_one_of(unknown[0], (*_SHOWN, _HAND), where="task")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, open_home(Path(scratch)) as home:
        if not names or _HAND in names:
            _draw_by_hand(Path(scratch))
        for name in [name for name in _SHOWN if not names or name in names]:
            number = home.train(name, actor="figures", simulation=Simulation()).version.number
            evaluation, runtime = home.evaluate(name, reference=str(number))
            task = home.apps[name.split("/")[0]].task(name.split("/")[1])
            drawn = write_evaluation(evaluation, task, runtime, Path(scratch) / "drawn" / name, save_predictions=False)
            for picture in _SHOWN[name]:
                if picture in drawn:
                    kept = _FOLDER / f"{name.replace('/', '_')}_{picture}"
                    shutil.copy(drawn[picture], kept)
                    print(kept.relative_to(_FOLDER.parents[2]))
    return 0


def _draw_by_hand(scratch: Path) -> None:
    """The hand-written tree, and the descent of the hand-written logistic regression, by their own commands."""
    table = load_breast_cancer()
    columns = {name.replace(" ", "_"): table.data[:, place] for place, name in enumerate(table.feature_names)}
    data = scratch / "breast_cancer.csv"
    pl.DataFrame(columns | {"label": table.target}).write_csv(data)
    for model, more in (("tree", ("--max-depth", "3")), ("logistic", ())):
        drawn = _FOLDER / f"hand_{model}.png"
        telltale(["hand", model, "--data", str(data), "--draw", str(drawn), *more])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
