"""`telltale forget`: everything that is kept of a person or a device, removed."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.versions import actor_name
from telltale.contract.errors import UsageError
from telltale.home import open_home
from telltale.registry.forget import Forgotten
from telltale.registry.forget import forget as forget_entity


def forget(
    entity: Annotated[str, typer.Option(help="Whom to forget: a user, a DID, a device, as its rows name it.")],
    app: Annotated[str | None, typer.Option(help="Of this app alone; of all apps without it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it, it is only counted what would be.")] = False,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Write the database file anew afterwards; nobody else can write meanwhile.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Remove what is kept of an entity: events, predictions, feedback, profiles, confidences, rows set aside."""
    if vacuum and not yes:
        raise UsageError("--vacuum comes after removing", where="forget", mend="Give --yes with it.")
    with open_home() as home:
        if app is not None and app not in home.apps:
            raise UsageError.not_one_of(app, home.apps, where="forget: app")
        done = forget_entity(
            home.folder,
            entity,
            actor=actor_name(),
            now=datetime.now(UTC),
            app=app,
            trial=not yes,
            vacuum=vacuum or None,
        )
    if as_json:
        print_json(done)
        return 0
    _tell(done)
    if not yes:
        scope = "" if app is None else f" --app {app}"
        next_step(f"telltale forget --entity {entity}{scope} --yes removes them, for good")
    elif done.versions:
        next_step("telltale retire APP/TASK --version N, or telltale train APP/TASK and telltale promote")
    else:
        next_step("telltale audit, which keeps a hash of the name and not the name")
    return 0


def _tell(done: Forgotten) -> None:
    rows = [(name, f"{n:,}") for name, n in done.removed.items()]
    out.print(table("Removed" if done.is_done else "Would be removed", ("table", "rows"), rows, right=("rows",)))
    if done.versions:
        versions = [
            (
                version.reference,
                version.role,
                f"{version.n_rows:,}",
                "yes" if version.is_named else "",
                version.fault,
            )
            for version in done.versions
        ]
        columns = ("version", "role", "rows trained on", "names it", "")
        out.print(table("Versions that hold something of it", columns, versions, right=("rows trained on",)))
    for sentence in done.advice:
        say(f"- {sentence}")
