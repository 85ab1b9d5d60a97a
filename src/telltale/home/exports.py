"""A training run as files in a folder: the bundle, its figures, and the rows it was trained on."""

import shutil
from pathlib import Path

import msgspec

from telltale.contract.app import App
from telltale.retrain.training import TrainedVersion
from telltale.telemetry.export import event_columns, write_frame

METRICS_FILE, CONFIG_FILE, DATA_FILE = "training_metrics.json", "model_config.json", "training_data.csv"


def write_training(trained: TrainedVersion, app: App, directory: Path, *, save_data: bool) -> dict[str, str]:
    """Write a version's files; their paths by name. The folder can be given to `evaluate --version`.

    Args:
        trained: what was trained.
        app: whose event names the columns of the rows.
        directory: made where it is missing.
        save_data: write the training rows as CSV too.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in trained.version.files:
        shutil.copyfile(trained.version.path / name, directory / name)
        files[name] = str(directory / name)
    document = trained.as_document()
    config = {name: document[name] for name in ("estimator", "parameters", "features", "threshold", "threshold_from")}
    for name, content in ((METRICS_FILE, document), (CONFIG_FILE, config)):
        (directory / name).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        files[name] = str(directory / name)
    if save_data:
        task = app.task(trained.version.task)
        write_frame(event_columns(trained.rows.train, app.event(task.event)), directory / DATA_FILE)
        files[DATA_FILE] = str(directory / DATA_FILE)
    return files
