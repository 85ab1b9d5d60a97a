"""The `telltale` command: one file per group of verbs, each a thin layer over `telltale.home`.

For people a table, progress on standard error and a last line that says what to do next; with `--json` one JSON object on
standard output. Exit status: 0 done, 1 a gate or check said no, 2 wrong use, 3 something broke.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from telltale.contract.errors import TelltaleError, UnavailableError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    # Of matrices as small as ours one core makes short work; several spin while they wait for each other, and an equation of
    # a hundred unknowns took ten milliseconds in place of a quarter of one. Read once, when NumPy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import typer
    from typer.exceptions import TyperException

    from telltale.cli.commands import command_line
    from telltale.cli.console import tell_error
    from telltale.home.settings import log_level, misspelt, read_settings
    from telltale.serve.logs import configure_logs

    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for variable, meant in misspelt().items():
            sys.stderr.write(f"{variable} is set and is no setting; is {meant} meant?\n")
        configure_logs(level=log_level(read_settings(Path.cwd()), otherwise="warning"))
        status = command_line(given[0] if given else "")(args=given, prog_name="telltale", standalone_mode=False)
    except TelltaleError as error:
        tell_error(error, as_json="--json" in given)
        return error.exit_status
    except TyperException as error:
        if str(error).startswith("Usage:"):  # a command without its arguments: the help is the answer
            sys.stderr.write(f"{error}\n")
            return 2
        misuse = UsageError(str(error).rstrip("."), mend="See `telltale --help`, or `telltale COMMAND --help`.")
        tell_error(misuse, as_json="--json" in given)
        return misuse.exit_status
    except MemoryError as error:
        short = UnavailableError(
            f"memory ran out ({error or 'of Python'})",
            where=given[0] if given else "telltale",
            mend="Give it fewer rows: fewer --days, a longer --interval, a smaller file; or more memory.",
        )
        tell_error(short, as_json="--json" in given)
        return short.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is nobody to tell
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        unusable = UsageError(
            f"it cannot be used ({error.strerror})",
            where=os.fspath(error.filename),
            mend="Check the path, the rights on it, and the room on the disk.",
        )
        tell_error(unusable, as_json="--json" in given)
        return unusable.exit_status
    return status if isinstance(status, int) else 0
