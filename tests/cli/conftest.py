import contextlib
import fcntl
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main
from telltale.cli.example_bodies import enrolled_rows
from telltale.contract.app import App, Task
from telltale.contract.split import LastOfEach
from telltale.home.apps import installed_apps
from telltale.models.estimators import estimator_named, missing_modules
from telltale.telemetry.export import event_columns

# Trained in a second or two, in this order of preference.
_QUICK = ("robust_z", "logistic_regression", "linear_outcomes", "popular", "seasonal_naive")

Command = Callable[..., tuple[int, dict[str, Any]]]


def _quickest(task: Task) -> str:
    there = [name for name in task.estimators if not missing_modules(estimator_named(name))]
    return next((name for name in _QUICK if name in there), there[-1])


def few_rows(task: Task) -> list[str]:
    """For `train`: no more rows than it takes, of a task that can do with any number of them."""
    return [] if isinstance(task.split, LastOfEach) else ["--rows", "3000"]


def _run(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setenv("TELLTALE_HOME", str(home))
        status = main([*arguments, "--json"])
    document: dict[str, Any] = json.loads(told.getvalue())
    return status, document


@pytest.fixture(scope="session")
def in_home() -> Command:
    """Runs a command with --json in a home: its exit status and its document."""
    return _run


@pytest.fixture(scope="session")
def quickest() -> Callable[[Task], str]:
    """An estimator of a task that is trained in a second."""
    return _quickest


@pytest.fixture(scope="session")
def every_task(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A home in which every task of every app has a champion, trained by the quickest of its models; only to be copied."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "every-task" / "home"
    home.parent.mkdir(exist_ok=True)
    # Tests run in several processes at once: whichever is first makes it, for all.
    with (home.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home.parent / "made").exists():
            _make_every_task(home)
            (home.parent / "made").touch()
    return home


def _make_every_task(home: Path) -> None:
    tasks: list[tuple[App, Task]] = [(app, task) for app in installed_apps().values() for task in app.tasks]
    for app, task in tasks:
        address = f"{app.name}/{task.name}"
        status, trained = _run(home, "train", address, "--estimator", _quickest(task), *few_rows(task))
        assert status == (1 if trained["verdict"] == "fail" else 0), trained
        against = ["--override", "--reason", "only to be tried"] if status else []
        assert _run(home, "promote", address, *against)[0] == 0
        if task.verification is not None:
            rows = home.parent / f"{app.name}-{task.name}.parquet"
            event_columns(enrolled_rows(app, task), app.event(task.event)).write_parquet(rows)
            assert _run(home, "enrol", address, str(rows))[0] == 0


@pytest.fixture(scope="module")
def own_home(every_task: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it to be changed by one file of tests."""
    home = tmp_path_factory.mktemp("own") / "home"
    shutil.copytree(every_task, home)
    return home
