"""`telltale backup` and `telltale restore`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, print_json, progress_bar, say
from telltale.home.settings import model_folder, read_settings


def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write, which must not exist; best on another disk.", metavar="FILE")
    ],
    as_json: AsJson = False,
) -> int:
    """Write all that this home holds into one file, while servers and workers go on."""
    from telltale.home.backup import back_up

    settings = read_settings(Path.cwd())
    with progress_bar(quiet=as_json) as progress:
        done = back_up(_home(settings), file, artifacts=model_folder(settings), url=_url(settings), progress=progress)
    status = 1 if done.damaged else 0
    if as_json:
        print_json(done)
        return status
    facts(
        {
            "file": str(done.file),
            "size": f"{done.n_bytes / 1e6:,.1f} MB, {done.n_files:,} files, {done.n_versions:,} versions",
            "as of": f"{done.made_at:%Y-%m-%d %H:%M:%S} UTC",
            "took": f"{done.seconds:.1f} s",
        }
    )
    for name in done.damaged:
        say(f"Damaged, and left out: {name} is missing, or is not what was registered.")
    for name in done.left_out:
        say(f"Left out: {name} is a home of its own, a link, or no plain file.")
    if done.damaged:
        next_step("restore these from an older backup, or train again: telltale versions APP/TASK")
    else:
        next_step(f"keep it secret; try it: TELLTALE_HOME=/tmp/drill telltale restore {done.file}")
    return status


def restore(
    file: Annotated[Path, typer.Argument(help="A file of `telltale backup`.", metavar="FILE")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Set aside what is in TELLTALE_HOME; nothing is removed.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make TELLTALE_HOME of a backup, brought to this release where an older one wrote it."""
    from telltale.home.restore import restore as put_back

    settings = read_settings(Path.cwd())
    with progress_bar(quiet=as_json) as progress:
        done = put_back(
            file,
            _home(settings),
            artifacts=model_folder(settings),
            url=_url(settings),
            replace=replace,
            now=datetime.now(UTC),
            progress=progress,
        )
    if as_json:
        print_json(done)
        return 0
    told = {
        "home": str(done.home),
        "as of": f"{done.made_at:%Y-%m-%d %H:%M:%S} UTC, by telltale {done.release}",
        "holds": f"{done.n_files:,} files, {done.n_versions:,} versions",
    }
    if done.migrated:
        told["migrated"] = ", ".join(f"{schema} from revision {done.revisions[schema]}" for schema in done.migrated)
    if done.set_aside:
        told["set aside"] = ", ".join(map(str, done.set_aside))
    facts(told)
    for name in done.damaged:
        say(f"Damaged in the home that was backed up, and not here: {name}.")
    next_step(
        "telltale up; once it serves as it should, remove what was set aside" if done.set_aside else "telltale up"
    )
    return 0


def _home(settings: Mapping[str, str]) -> Path:
    return Path(settings["TELLTALE_HOME"]).expanduser()


def _url(settings: Mapping[str, str]) -> str:
    return settings["DATABASE_URL"]
