"""`telltale keys`: what opens a server, for whom; `telltale audit`: what operators did."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.versions import actor_name
from telltale.home import open_home
from telltale.registry.api_keys import ApiKey, allows_operating, create_key, list_keys, revoke_key
from telltale.registry.audit import read_acts, recorded
from telltale.serve.guard.caller import SCOPES

app = typer.Typer(help="Keys that clients send: made, listed, revoked.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What you call it, as in: shop-backend.")],
    scope: Annotated[list[str], typer.Option(help=f"What it allows: {', '.join(SCOPES)}. May be given again.")],
    rate: Annotated[
        float | None, typer.Option(help="Requests a second and task, rows of a batch counted.  [RATE_LIMIT]")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a key and show it, this once. A server that runs takes it within half a second."""
    with open_home() as home:
        state = home.folder.state
        is_first = not list_keys(state)
        with recorded(state, "telltale keys create", name, actor=actor_name()):
            made = create_key(state, name, scope, actor=actor_name(), now=datetime.now(UTC), rate=rate)
    if as_json:
        print_json(made)
        return 0
    say(f"Key {made.key.name} ({made.key.id}), for {', '.join(made.key.scopes)}. It is kept nowhere: copy it now.")
    say(made.secret)
    if is_first:
        say("From now on a server of this home asks for a key.")
    next_step(f"send it as a header: Authorization: Bearer {made.secret[:11]}_…")
    return 0


@app.command("list")
def list_all(as_json: AsJson = False) -> int:
    """List every key that was ever made, oldest first."""
    with open_home() as home:
        found = list_keys(home.folder.state)
    if as_json:
        print_json({"keys": found})
        return 0
    rows = [
        (
            key.id,
            key.name,
            ", ".join(key.scopes),
            "" if key.rate is None else f"{key.rate:g}",
            f"{key.created_at:%Y-%m-%d %H:%M}",
            key.actor,
            "" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}",
        )
        for key in found
    ]
    columns = ("id", "name", "scopes", "requests/s", "made (UTC)", "by", "")
    out.print(table("", columns, rows, right=("requests/s",)))
    next_step("telltale keys revoke ID" if _in_use(found) else "telltale keys create --name NAME --scope predict")
    return 0


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID|NAME", help="Of the key, as `keys list` shows it.")],
    as_json: AsJson = False,
) -> int:
    """Let a key open nothing from now on. A server that runs refuses it within half a second."""
    with open_home() as home:
        state = home.folder.state
        # What looks like a whole key is refused, and must not be written down either.
        named = f"{key[:11]}…" if key.startswith("tt_") else key
        with recorded(state, "telltale keys revoke", named, actor=actor_name()):
            done = revoke_key(state, key, now=datetime.now(UTC))
        left = list_keys(state)
    if as_json:
        print_json({"key": done})
        return 0
    say(f"Key {done.name} ({done.id}) is revoked.")
    if not allows_operating(left):
        say("No key is left that may operate. Servers go on asking for keys: this command needs none.")
    next_step("telltale keys list")
    return 0


def audit(
    limit: Annotated[int, typer.Option(min=1, help="So many, newest first.")] = 50,
    as_json: AsJson = False,
) -> int:
    """Tell who changed what, over HTTP or by a command, and whether it worked."""
    with open_home() as home:
        found = read_acts(home.folder.state, limit=limit)
    if as_json:
        print_json({"acts": found})
        return 0
    rows = [(f"{act.at:%Y-%m-%d %H:%M:%S}", str(act.status), act.actor, act.action, act.subject) for act in found]
    out.print(table("", ("at (UTC)", "status", "by", "what", "of"), rows, right=("status",)))
    next_step("telltale history APP/TASK says which version moved, and why")
    return 0


def _in_use(keys: list[ApiKey]) -> bool:
    return any(key.revoked_at is None for key in keys)
