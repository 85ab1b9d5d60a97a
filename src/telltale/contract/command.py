"""A command of an app's own, as a value: the command line builds it, the app knows nothing of command lines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from telltale.contract.estimator import Tell

OptionKind = Literal["text", "number", "flag", "file"]
OptionValue = str | int | bool | Path | None


@dataclass(frozen=True, kw_only=True)
class CommandOption:
    """One option, `--name`.

    Args:
        name: as it is typed, without the dashes.
        help: one line.
        kind: text, a whole number, a flag, or the path of a file.
        default: where it is not given; None where `is_required`, or for nothing.
        choices: of a text; () for any.
        is_required: it must be given.
    """

    name: str
    help: str
    kind: OptionKind = "text"
    default: OptionValue = None
    choices: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True, kw_only=True)
class AppCommand:
    """`telltale GROUP NAME`.

    Args:
        group: the verb, which several apps may share, as in `relay`.
        name: what stands after it.
        help: one line for people.
        options: what may be given.
        run: does it, given an open home (`telltale.home.Home`), the options by their name, and where lines for people go;
            returns what is printed with `--json`. Raises the errors of `telltale.contract.errors`.
    """

    group: str
    name: str
    help: str
    run: Callable[[Any, Mapping[str, Any], Tell], object]
    options: tuple[CommandOption, ...] = ()
