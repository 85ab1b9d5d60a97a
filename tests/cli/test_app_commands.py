"""Commands that apps bring, built from values."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from telltale.apps.helios import APP
from telltale.cli.app_commands import add_app_commands
from telltale.cli.commands import cli, command_line
from telltale.contract.command import AppCommand, CommandOption
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell
from telltale.home import Home

seen: list[tuple[Path, Mapping[str, Any]]] = []


def note(home: Home, given: Mapping[str, Any], tell: Tell) -> dict[str, int]:
    seen.append((home.folder.path, given))
    tell("[done] as asked")
    return {"n": given["how-many"]}


NOTE = AppCommand(
    group="take",
    name="note",
    help="Take a note.",
    run=note,
    options=(
        CommandOption(name="what", help="To note.", is_required=True),
        CommandOption(name="how-many", help="Times.", kind="number", default=3),
        CommandOption(name="tone", help="Of it.", default="soft", choices=("soft", "loud")),
        CommandOption(name="where", help="A file.", kind="file"),
        CommandOption(name="twice", help="Again.", kind="flag", default=False),
    ),
)


def run(*arguments: str) -> object:
    made = typer.Typer()
    made.command("other")(lambda: None)
    add_app_commands(made, [replace(APP, commands=(NOTE,))])
    return get_command(made)(args=["take", "note", *arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.clear()
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))


def test_options_come_by_name_and_kind_with_an_open_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--what", "this", "--where", "a/b", "--twice") == 0

    given = {"what": "this", "how-many": 3, "tone": "soft", "where": Path("a/b"), "twice": True}
    assert seen == [(tmp_path / "home", given)]
    assert capsys.readouterr().out == "[done] as asked\n"


def test_with_json_the_result_alone_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--what", "this", "--how-many", "5", "--json") == 0

    printed = capsys.readouterr()
    assert printed.out == '{"n":5}\n'
    assert "[done] as asked" in printed.err


def test_a_choice_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"take note --tone: 'shrill' is not known\. Known: loud, soft"):
        run("--what", "this", "--tone", "shrill")
    assert not seen


def test_apps_are_imported_for_their_commands_alone() -> None:
    assert command_line("train") is cli
    assert "relay" in command_line("relay").commands
    assert set(cli.commands) < set(command_line("").commands)
