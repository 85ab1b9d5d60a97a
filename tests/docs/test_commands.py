import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import Written, name_of, pages, written_commands
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from telltale.cli.commands import command_line
from telltale.home.apps import installed_apps
from telltale.models.estimators import estimators

_ENDS = re.compile(r"[;&|<>()]+")
_STANDS_FOR_SOMETHING = re.compile(r"[A-Z][A-Z/|_.]*|.*(…|\.\.\.).*|\$.*")
_MADE_UP_APPS = {"depot", "app"}  # as in docs/new-app.md


def calls_in(text: str) -> Iterator[list[str]]:
    """The words of each call of `telltale` in a line of shell."""
    words = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call = list[str]()
    for word in [*words, ";"]:
        if not _ENDS.fullmatch(word):
            call.append(word)
            continue
        while call and re.match(r"[A-Z_]+=|(timeout|nohup|exec|nice)$|\$$", call[0]):
            call.pop(0)
        if call and Path(call[0]).name == "telltale":
            yield call[1:]
        call = []


def wrong_in(words: list[str], *, is_whole: bool) -> str | None:
    """What the command line would not take of a call; of one in prose, only whether command and options are there."""
    command: TyperGroup | TyperCommand = command_line(words[0] if words else "")
    given = list(words)
    while isinstance(command, TyperGroup) and given and not given[0].startswith("-"):
        if _STANDS_FOR_SOMETHING.fullmatch(given[0]):
            return None
        if given[0] not in command.commands:
            return f"there is no command {given[0]!r}"
        named = command.commands[given.pop(0)]
        assert isinstance(named, TyperGroup | TyperCommand), "commands are Typer's"
        command = named
    if not is_whole:
        there = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        asked = {word.rstrip(",:.)") for word in given if word.startswith("-")} - {"--help", "-"}
        return f"there is no {', '.join(sorted(asked - there))}" if asked - there else None
    try:
        context = command.context_class(command, info_name="telltale")
        values, _, _ = command.make_parser(context).parse_args(args=given)
        for parameter in command.params:
            value = values.get(parameter.name or "")
            if isinstance(value, str) and not _STANDS_FOR_SOMETHING.fullmatch(value):
                parameter.process_value(context, value)
                if parameter.name in {"task", "event"} and "/" in value and (wrong := _unknown(value)):
                    return wrong
            elif parameter.required and not isinstance(value, str | list | tuple):
                return f"{parameter.name} is left out"
    except TyperException as error:
        return error.format_message()
    return None


def _unknown(address: str) -> str | None:
    app, _, name = address.partition("/")
    if app in _MADE_UP_APPS or _STANDS_FOR_SOMETHING.fullmatch(name):
        return None
    if app not in installed_apps():
        return f"there is no app {app!r}"
    found = installed_apps()[app]
    there = {task.name for task in found.tasks} | {event.name for event in found.events}
    return None if name in there else f"{app} has no task or event {name!r}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_that_is_written_down_is_one(page: Path) -> None:
    wrong = [
        f"{name_of(page)}:{written.line}: telltale {shlex.join(words)}: {said}"
        for written in written_commands(page)
        for words in calls_in(written.text)
        if (said := wrong_in(words, is_whole=written.is_in_block)) is not None
    ]

    assert wrong == [], os.linesep.join(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("telltale trian helios/anomaly", "there is no command 'trian'"),
        ("cd data && telltale train helios/anomaly --grid", "No such option: --grid"),
        ("telltale train helios/anomalies", "helios has no task or event 'anomalies'"),
        ("telltale train heliod/anomaly", "there is no app 'heliod'"),
        ("telltale train helios/anomaly --days week", "'--days': Input should be a valid number"),
        ("KEY=1 telltale promote", "task is left out"),
        ("ID=$(telltale jobs --jsn)", "No such option: --jsn"),
    ],
)
def test_a_command_that_is_none_is_told(text: str, said: str) -> None:
    (words,) = calls_in(text)

    assert said in (wrong_in(words, is_whole=True) or "")


def test_places_for_what_a_reader_fills_in_are_taken() -> None:
    written = Written(1, "telltale train APP/TASK --days N --data … # as often as you like", is_in_block=True)

    assert [wrong_in(words, is_whole=True) for words in calls_in(written.text)] == [None]


def test_in_prose_a_command_and_its_options_are_looked_at_and_no_more() -> None:
    (words,) = calls_in("telltale release --shadow, --ab and --rump")

    assert wrong_in(words, is_whole=False) == "there is no --rump"


def test_every_model_that_is_written_down_is_one() -> None:
    named = {
        name: name_of(page)
        for page in pages()
        for name in re.findall(r"--estimator ([a-z]\w*)", page.read_text("utf-8"))
    }

    assert {name: page for name, page in named.items() if name not in estimators()} == {}
