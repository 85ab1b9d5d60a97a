"""MODEL_PATH: the bundle that a task's version is taken from where nobody names one."""

from collections.abc import Mapping
from pathlib import Path

from telltale.models.bundle import load_bundle


def bundle_at_model_path(task: str, settings: Mapping[str, str]) -> str:
    """The directory that MODEL_PATH names, where the bundle in it is of `task` (`app/task`); else "".

    Raises:
        BundleError: there is no bundle, or it cannot be read.
    """
    if not settings["MODEL_PATH"]:
        return ""
    directory = Path(settings["MODEL_PATH"]).expanduser().absolute()
    manifest = load_bundle(directory).manifest
    return str(directory) if f"{manifest.app}/{manifest.task}" == task else ""
