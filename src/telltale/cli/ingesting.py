"""`telltale ingest`: rows of a file, an address, a database or the shop's backend, into the store."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, err, next_step, out, print_json, say
from telltale.cli.events import Event, Map, checked_document, mapping_at, show_checked
from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.schema import EventSchema
from telltale.home import Home, open_home
from telltale.home.apps import find_event
from telltale.telemetry.mapping import SourceMapping

_SOURCE = (
    "File, http(s) address, sqlite:/// or postgresql:// address, prometheus+http:// address with its queries, or - for "
    "NDJSON.  [where API_URL or API_SOURCES has them]"
)


def ingest(
    event: Event,
    source: Annotated[str, typer.Argument(help=_SOURCE, metavar="[FILE|URL]")] = "",
    mapped: Map = None,
    table: Annotated[str, typer.Option(metavar="NAME", help="Of a database: this table's rows.")] = "",
    query: Annotated[str, typer.Option(metavar="SELECT", help="Of a database: the rows of this query.")] = "",
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="NAME",
            help="Of an address: ask only for what is new, by this query parameter, which takes a time.",
        ),
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Of an address: fail where it is away, in place of its last good answer.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Of an address: ask at once, though it failed and is being left alone.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Of -: store lines as they come, until there are no more.")
    ] = False,
    score: Annotated[
        bool, typer.Option("--score", help="With --follow: decide each row, and print the answers, one a line.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Store the good rows of a file, an address or a database; bad ones are quarantined with their reasons."""
    from telltale.home.backend import is_address
    from telltale.telemetry.sql_rows import is_database

    if follow or score:
        if source != "-" or not follow or mapped:
            raise UsageError(
                "--follow is for standard input, and --score goes with it",
                where="ingest",
                mend="As in: tail -F metrics.ndjson | telltale ingest helios/metrics - --follow --score",
            )
        return _follow(event, score=score, as_json=as_json)
    if (table or query) and not is_database(source):
        raise UsageError(
            "--table and --query are for a database", where="ingest", mend="Give its address, or leave them."
        )
    if (since or fresh or now) and source and not is_address(source):
        raise UsageError("--since, --fresh and --now are for an address", where="ingest", mend="Leave them out.")
    with open_home() as home:
        app, schema = find_event(home.apps, event)
        if is_database(source):
            return _from_database(
                home, (app, schema), source, mapping_at(mapped), table=table, query=query, as_json=as_json
            )
        if not source or is_address(source):
            return _from_address(
                home, (app, schema), source, mapping_at(mapped), since=since, fresh=fresh, now=now, as_json=as_json
            )
        checked, stored = home.ingest(event, source, mapping=mapping_at(mapped))
    if as_json:
        print_json({"stored": stored.n_stored, "already_stored": stored.n_already, **checked_document(checked)})
        return 0
    show_checked(checked)
    _tell_stored(app, schema, stored.n_stored, stored.n_already)
    return 0


def _follow(event: str, *, score: bool, as_json: bool) -> int:
    """Lines of standard input as they come: stored, and with `score` decided and answered, until there are no more."""
    import msgspec

    from telltale.cli.consuming import told_counts, until_told_to_stop
    from telltale.cli.serving import serve_settings
    from telltale.home.apps import installed_apps
    from telltale.home.settings import read_settings
    from telltale.serve.consume.lines import Lines
    from telltale.serve.consume.ready import open_consumer

    app, schema = find_event(installed_apps(), event)
    lines = Lines(sys.stdin.fileno(), sys.stdout.fileno() if score else None)
    with (
        err.status("waiting for lines") as status,
        open_consumer(
            serve_settings(read_settings(Path.cwd())),
            lines,
            app,
            schema,
            source="standard input",
            decides=None if score else (),
            told=lambda counts: status.update(told_counts(counts)),
        ) as ready,
    ):
        until_told_to_stop(ready.consumer)
        counts = ready.consumer.counts
    if as_json:
        print_json(msgspec.structs.asdict(counts))
    elif score:  # standard output is for answers
        err.print(told_counts(counts), soft_wrap=True, markup=False)
    else:
        say(told_counts(counts))
        _tell_next(app, schema)
    return 0


def _from_address(
    home: Home,
    event: tuple[App, EventSchema],
    address: str,
    mapping: SourceMapping | None,
    *,
    since: str,
    fresh: bool,
    now: bool,
    as_json: bool,
) -> int:
    from datetime import UTC, datetime

    from telltale.home.backend import declared_source, source_of
    from telltale.home.settings import read_settings

    app, schema = event
    settings = read_settings(Path.cwd())
    if address:
        source = source_of(app, schema.name, address, settings, since=since, mapping=mapping)
    else:
        declared = declared_source(home.apps, app, schema.name, settings)
        if declared is None or since or mapping is not None:
            raise UsageError(
                "no file and no address is given" if declared is None else "--since and --map go with an address",
                where="ingest",
                mend="Give one; or set API_URL, and in the file of API_SOURCES say where the rows are.",
            )
        source = declared
    pulled, stored, freshness = home.pull(source, at_once=now, allow_stale=not fresh)
    if as_json:
        document = {"stored": stored.n_stored, "already_stored": stored.n_already, **checked_document(pulled.checked)}
        print_json({**document, "pages": pulled.n_pages, "since": pulled.since, **_fields(freshness)})
        return 0
    if freshness.is_stale:
        say(f"{freshness.told(datetime.now(UTC))}.")
        say("These are the rows of that answer; nothing is made up.")
    elif pulled.since is not None:
        say(f"Asked for what is new since {pulled.since:%Y-%m-%d %H:%M:%S} UTC.")
    if pulled.n_pages > 1:
        say(f"{pulled.n_pages} pages.")
    show_checked(pulled.checked)
    _tell_stored(app, schema, stored.n_stored, stored.n_already)
    return 0


def _fields(freshness: object) -> dict[str, object]:
    import msgspec

    fields: dict[str, object] = msgspec.to_builtins(freshness)
    return fields


def _from_database(
    home: Home,
    event: tuple[App, EventSchema],
    address: str,
    mapping: SourceMapping | None,
    *,
    table: str,
    query: str,
    as_json: bool,
) -> int:
    from telltale.telemetry.sql_rows import read_sql

    app, schema = event
    n_read = n_accepted = n_stored = n_already = 0
    reasons: list[dict[str, object]] = []
    first = None
    with err.status("reading") as status:
        for checked, stored in home.ingest_sql(
            f"{app.name}/{schema.name}", read_sql(address, table=table, query=query), mapping=mapping
        ):
            first = first or checked
            n_read, n_accepted = n_read + checked.n_read, n_accepted + checked.frame.height
            n_stored, n_already = n_stored + stored.n_stored, n_already + stored.n_already
            reasons += [{"line": row.line, "reason": row.reason, "raw": row.raw} for row in checked.quarantined]
            status.update(f"{n_read:,} rows read, {n_stored:,} stored")
    assert first is not None, "a result without rows is a part without rows"
    document = {
        "stored": n_stored,
        "already_stored": n_already,
        **checked_document(first),
        "read": n_read,
        "accepted": n_accepted,
        "quarantined": len(reasons),
        "reasons": reasons,
    }
    if as_json:
        print_json(document)
        return 0
    say(f"{n_read:,} rows read: {n_accepted:,} accepted, {len(reasons):,} quarantined.")
    say(f"Measured: {', '.join(first.columns)}.")
    for row in reasons[:20]:
        out.print(f"Quarantined: row {row['line']}: {row['reason']}.", markup=False)
    if len(reasons) > 20:
        say(f"… and {len(reasons) - 20:,} more; --json lists all.")
    _tell_stored(app, schema, n_stored, n_already)
    return 0


def _tell_stored(app: App, schema: EventSchema, n_stored: int, n_already: int) -> None:
    say(f"{n_stored:,} rows stored, {n_already:,} were stored already.")
    _tell_next(app, schema)


def _tell_next(app: App, schema: EventSchema) -> None:
    task = next((task for task in app.tasks if task.event == schema.name), None)
    if task is None:
        next_step(f"telltale export {app.name}/{schema.name} -o {schema.name}.ndjson: no task reads this event yet")
    else:
        next_step(f"telltale train {app.name}/{task.name}")
