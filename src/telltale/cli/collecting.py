"""`collect`: real events of this machine, as apps offer to record them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from telltale.cli.app_commands import option_annotation, parameter_name
from telltale.cli.console import err, next_step, say
from telltale.contract.app import App, Collection
from telltale.contract.errors import UsageError
from telltale.home.apps import installed_apps

_STANDARD_OUTPUT = "-"


def collect(
    source: Annotated[
        str, typer.Argument(help="What to record: host, network, blocks, keystrokes, … as apps offer it.")
    ],
    path: Annotated[str, typer.Argument(help="Where it lies, for sources that read files.")] = "",
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="NDJSON file to append to; - for standard output.  [default: the source's]"
        ),
    ] = None,
    entity: Annotated[
        str, typer.Option("--entity", "--user-id", help="Who or what is recorded, for sources that record one.")
    ] = "",
    interval: Annotated[
        float, typer.Option(help="Seconds between rows, for sources that are read at intervals.")
    ] = 60.0,
    rows: Annotated[int | None, typer.Option(help="Stop after this many; else with Ctrl-C.")] = None,
    **options: Any,
) -> int:
    """Record real events of this machine."""
    sources = {name: (app, found) for app in installed_apps().values() for name, found in app.collections.items()}
    if source not in sources:
        raise UsageError.not_one_of(source, sources, where="collect")
    app, found = sources[source]
    target = found.output if output is None else output
    to_output = target == _STANDARD_OUTPUT
    # Lines for people must not stand among the rows.
    given = {name: value for name, value in options.items() if value not in (None, False)}
    _check_options(found, given)
    stream = _stream(
        app, found, path=path, entity=entity, interval_s=interval, n_rows=rows, options=given, aside=to_output
    )
    if to_output:
        for row in stream:
            typer.echo(msgspec.json.encode(row).decode())
        return 0
    file = _home_file(target) if output is None else Path(target)
    every = "" if found.collect is None else f" every {interval:g} s"
    say(f"Recording {found.title}{every} to {file}{'.' if found.collect_entity else '; Ctrl-C ends it.'}")
    n = _append(stream, file, is_private=found.collect_entity is not None)
    say(f"{n:,} {'row' if n == 1 else 'rows'} recorded{f' in {file}' if n else ''}.")
    if n:
        next_step(_after(app, found, file))
    return 0


def collect_command(apps: Iterable[App]) -> Callable[..., int]:
    """`collect` with the options that sources have, too: a command is read from its signature."""
    options = {option.name: option for app in apps for found in app.collections.values() for option in found.options}

    def run(**given: Any) -> int:
        return collect(**given)

    own = [one for one in signature(collect).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    added = [
        Parameter(
            parameter_name(option),
            Parameter.POSITIONAL_OR_KEYWORD,
            default=option.default,
            annotation=option_annotation(option),
        )
        for option in options.values()
    ]
    run.__signature__ = Signature([*own, *added], return_annotation=int)  # type: ignore[attr-defined]  # a function takes it
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    run.__doc__ = collect.__doc__
    return run


def _check_options(found: Collection, given: Mapping[str, object]) -> None:
    """Raise UsageError where an option is given that the source does not have."""
    known = {parameter_name(option): option for option in found.options}
    for name in given.keys() - known.keys():
        has = ", ".join(f"--{option.name}" for option in found.options) or "none of its own"
        raise UsageError(
            f"{found.name} has no option --{name.replace('_', '-')}", where="collect", mend=f"Its options: {has}."
        )


def _stream(
    app: App,
    found: Collection,
    *,
    path: str,
    entity: str,
    interval_s: float,
    n_rows: int | None,
    options: Mapping[str, Any],
    aside: bool,
) -> Iterator[Mapping[str, object]]:
    """The rows. Raises UsageError where something is given that the source does not take, or lacking that it needs."""
    usage = f"telltale collect {found.name}"
    if path and found.collect_path is None:
        raise UsageError(f"{found.name} reads no files", where="collect", mend="Leave the path out.")
    if entity and found.collect_entity is None:
        raise UsageError(
            f"{found.name} says itself whose its rows are", where="collect", mend=f"{usage}, nothing else."
        )
    if found.collect_path is not None:
        if not path:
            raise UsageError(f"{found.name} reads files", where="collect", mend=f"{usage} PATH")
        if "tell" in signature(found.collect_path).parameters:
            options = {**options, "tell": _say_aside if aside else say}
        return found.collect_path(path, n_rows, **options)
    if found.collect_entity is not None:
        column = app.event(found.event).entity or "entity"
        option = "--user-id" if column == "user_id" else "--entity"
        if not entity:
            raise UsageError(f"whose {found.name}? No {column} is given", where="collect", mend=f"{usage} {option} ID")
        if n_rows is not None:
            raise UsageError(f"{found.name} is ended by hand", where="collect", mend="Leave --rows out.")
        return found.collect_entity(entity, _say_aside if aside else say)
    assert found.collect is not None, f"{found.name} collects nothing"
    return found.collect(interval_s, n_rows, **options)


def _say_aside(text: str) -> None:
    err.print(text, markup=False, soft_wrap=True)


def _home_file(name: str) -> Path:
    """A file below TELLTALE_HOME, whose folders are made readable by their owner alone."""
    from telltale.home.settings import read_settings

    home = Path(read_settings(Path.cwd())["TELLTALE_HOME"]).expanduser()
    file = home / name
    for folder in (home, file.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return file


def _append(stream: Iterator[Mapping[str, object]], path: Path, *, is_private: bool) -> int:
    """Append rows until they end or Ctrl-C ends them; how many. Where there are none, no new file is left.

    What is recorded of somebody can be read by the file's owner alone.

    Raises:
        UsageError: the file cannot be written; told before anything is recorded.
    """
    is_new = not path.exists()
    n = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600 if is_private else 0o666)
    except OSError as error:
        raise UsageError(
            f"the file cannot be written ({error.strerror})", where=str(path), mend="Check the folder, or name another."
        ) from error
    try:
        with os.fdopen(descriptor, "ab") as file:
            for row in stream:
                file.write(msgspec.json.encode(row) + b"\n")
                file.flush()
                n += 1
    except KeyboardInterrupt:
        pass
    finally:
        if is_new and not n:
            path.unlink(missing_ok=True)
    return n


def _after(app: App, found: Collection, file: Path) -> str:
    task = next((task for task in app.tasks if task.event == found.event), None)
    if task is None or found.collect_entity is not None:  # what one person did is no training set
        return f"telltale ingest {app.name}/{found.event} {file}"
    return f"telltale train {app.name}/{task.name} --data {file}"
