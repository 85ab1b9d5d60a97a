"""Draws the pictures of docs/methods/: trains, evaluates, and keeps what an evaluation draws.

    python tools/write_figures.py [TASK ...]

Rows are simulated: `telltale train APP/TASK --simulate`, then `telltale evaluate APP/TASK` on rows of another seed, as
anybody can repeat. Without TASK every task of the list below is drawn again; two minutes on two cores.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

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
    "storefront/users": ("figures.png",),
    "storefront/activity": ("figures.png",),
    "storefront/recommend": ("figures.png",),
    "storefront/trend": ("figures.png",),
}


def main(names: list[str]) -> int:
    """Draw what is asked for; the exit status."""
    unknown = sorted(set(names) - _SHOWN.keys())
    if unknown:
        raise UsageError.not_one_of(unknown[0], _SHOWN, where="task")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, open_home(Path(scratch)) as home:
        for name in names or _SHOWN:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
