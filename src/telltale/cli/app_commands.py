"""Commands that apps bring: `telltale GROUP NAME`, built from values."""

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from telltale.cli.console import AsJson, err, print_json, say
from telltale.contract.app import App
from telltale.contract.command import AppCommand, CommandOption
from telltale.contract.errors import UsageError
from telltale.home import open_home

_TYPES: Final[Mapping[str, type]] = {"text": str, "number": int, "flag": bool, "file": Path}


def add_app_commands(cli: typer.Typer, apps: Iterable[App]) -> None:
    """Add each app's commands, those of one group together."""
    groups: dict[str, typer.Typer] = {}
    for app in apps:
        for command in app.commands:
            if command.group not in groups:
                groups[command.group] = typer.Typer(
                    help=f"Commands that the app {app.name} brings.", no_args_is_help=True
                )
                cli.add_typer(groups[command.group], name=command.group)
            groups[command.group].command(command.name, help=command.help)(_function(command))


def _function(command: AppCommand) -> Callable[..., int]:
    """A function whose parameters are the options: a command is read from its signature."""

    def run(*, as_json: bool, **given: Any) -> int:
        for option in command.options:
            _check(command, option, given[parameter_name(option)])
        with open_home() as home:
            # For a program standard output is the one object at the end.
            tell = (lambda line: err.print(line, markup=False, soft_wrap=True)) if as_json else say
            done = command.run(home, {option.name: given[parameter_name(option)] for option in command.options}, tell)
        if as_json:
            print_json(done)
        return 0

    parameters = [
        Parameter(
            parameter_name(option),
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if option.is_required else option.default,
            annotation=option_annotation(option),
        )
        for option in command.options
    ]
    parameters.append(Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson))
    run.__signature__ = Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]  # a function takes it
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def option_annotation(option: CommandOption) -> Any:
    """What a command's signature says of an option."""
    is_absent = not option.is_required and option.default is None
    kind = _TYPES[option.kind]
    told = f"{option.help}  [{'|'.join(option.choices)}]" if option.choices else option.help
    name = f"--{option.name}"
    return Annotated[kind | None if is_absent else kind, typer.Option(name, help=told)]


def parameter_name(option: CommandOption) -> str:
    """Its name as a parameter."""
    return option.name.replace("-", "_")


def _check(command: AppCommand, option: CommandOption, value: object) -> None:
    if option.choices and value is not None and value not in option.choices:
        raise UsageError.not_one_of(str(value), option.choices, where=f"{command.group} {command.name} --{option.name}")
