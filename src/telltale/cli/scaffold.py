"""`telltale new`: a small app that works, as a package of its own.

The templates lie in `new_app/`. They are written below one new folder and touch nothing else; telltale finds the app
by its entry point once the package is installed.
"""

import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Final

import typer

from telltale.cli.console import AsJson, next_step, print_json, say
from telltale.contract.errors import UsageError
from telltale.home.apps import installed_apps

_TASK: Final = "trouble"
# The file that is written, and the template it is written from.
_FILES: Final = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
    "src/telltale_${app}/__init__.py": "init.py.txt",
    "src/telltale_${app}/schema.py": "schema.py.txt",
    "src/telltale_${app}/features.py": "features.py.txt",
    "src/telltale_${app}/simulate.py": "simulate.py.txt",
    "src/telltale_${app}/py.typed": "py.typed.txt",
    "tests/test_app.py": "test_app.py.txt",
}
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")
# Addresses of the server begin with these where an app's begin with its name.
_TAKEN_BY_SERVER: Final = ("feedback", "jobs", "predictions", "schedules", "versions")


def new(
    app: Annotated[str, typer.Argument(help="Name of the app: a lower-case word.")],
    path: Annotated[Path, typer.Option(help="Where the folder telltale-APP is made.")] = Path(),
    event: Annotated[str, typer.Option(help="Name of the event that it reads.")] = "readings",
    as_json: AsJson = False,
) -> int:
    """Write a small app that works, as a package of its own, to change into yours."""
    _check_word(event, where="event")
    _check_name(app)
    folder = path / f"telltale-{app}"
    written = write_app(folder, app=app, event=event)
    if as_json:
        document = {"app": app, "task": f"{app}/{_TASK}", "event": f"{app}/{event}", "folder": folder, "files": written}
        print_json(document)
        return 0
    say(f"Written to {folder}: {', '.join(written)}.")
    next_step(f"pip install -e {folder}, then telltale train {app}/{_TASK}")
    return 0


def write_app(folder: Path, *, app: str, event: str) -> list[str]:
    """Write the package; its files, relative to the folder.

    Raises:
        UsageError: the folder is there already, or cannot be written to; then nothing of it is left.
    """
    names = {"app": app, "event": event, "version": version("telltale-loop")}
    texts = {Template(name).substitute(names): _filled(template, names) for name, template in _FILES.items()}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename} is there already", where="new", mend="Give another name or --path, or move it away."
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # half a package would stand in the way of the next try
        raise _unwritable(folder, error) from error
    return list(texts)


def _filled(template: str, names: dict[str, str]) -> str:
    return Template((files(__package__) / "new_app" / template).read_text(encoding="utf-8")).substitute(names)


def _check_name(app: str) -> None:
    """The name can stand in an address, a module and a distribution, and is nobody's yet."""
    _check_word(app, where="app")
    if app in _TAKEN_BY_SERVER:
        raise UsageError(
            f"{app!r} is an address of the server", where="app", mend=f"Taken: {', '.join(_TAKEN_BY_SERVER)}."
        )
    if app in installed_apps():
        installed = ", ".join(installed_apps())
        raise UsageError(f"{app!r} is installed", where="app", mend=f"Choose another name; installed: {installed}.")
    try:
        found = version(f"telltale-{app}")
    except PackageNotFoundError:
        return
    raise UsageError(
        f"telltale-{app} {found} is installed as a package", where="app", mend="Choose another name, or uninstall it."
    )


def _check_word(word: str, *, where: str) -> None:
    if not _WORD.fullmatch(word):
        raise UsageError(
            f"{word!r} is no name",
            where=where,
            mend="Give a lower-case word of at most 30 letters, digits and underscores, such as 'print_jobs'.",
        )


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"{folder} cannot be written ({error.strerror})", where="new", mend="Give another --path.")
