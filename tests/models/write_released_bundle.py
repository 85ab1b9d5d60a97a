"""Writes the bundles of the present format under `bundles/format_N/`. Run it once, when a format is released.

    python tests/models/write_released_bundle.py

Never run it for a format that has been released: what was written by that release is what must still load.
"""

import json
import sys
from pathlib import Path

import msgspec

from telltale.contract.simulation import Simulation
from telltale.home.apps import installed_apps
from telltale.models.manifest import FORMAT
from telltale.models.runtimes import score_runtime
from telltale.testing.samples import windows
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated
from telltale.train.version import TrainingRows, train_version

FOLDER = Path(__file__).parent / "bundles" / f"format_{FORMAT}"
SMALL: dict[str, dict[str, int | float | str]] = {
    "robust_z": {},
    "isolation_forest": {"n_estimators": 4, "max_samples": 32},
}


def main() -> None:
    """Train small versions of helios/anomaly and keep what they answer."""
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there already, and what a release has written is never written anew")
    app = installed_apps()["helios"]
    task = app.tasks[0]
    train = check_simulated(app, task.event, Simulation(days=1.5, positive_rate=0.1))
    held_out = check_simulated(app, task.event, Simulation(days=0.5, positive_rate=0.1, seed=1), days_later=7.0)
    rows = TrainingRows(kind="simulated", train=train.frame, held_out=held_out.frame, columns=train.columns)
    for estimator, parameters in SMALL.items():
        trained = train_version(
            app,
            task,
            rows,
            TrainingChoices(estimator=estimator, parameters=parameters),
            directory=FOLDER / estimator / "bundle",
            progress=lambda _what, _done, _of: None,
        )
        runtime = score_runtime(trained.directory)
        inputs = windows(runtime, held_out.frame, range(0, held_out.frame.height, 6))
        answers = runtime.answer(inputs)
        document = {
            "files": trained.files.files,
            "inputs": msgspec.to_builtins(inputs),
            "scores": [answer.score for answer in answers],
            "decisions": [answer.decision for answer in answers],
        }
        (FOLDER / estimator / "answers.json").write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
