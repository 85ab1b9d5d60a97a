"""Rows in and out: `simulate`, `collect`, `validate`, `ingest`, `export`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.contract.app import App, Collection
from telltale.contract.errors import UsageError
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import find_app, find_event, installed_apps
from telltale.telemetry.validate import Checked
from telltale.train.sources import simulated

Event = Annotated[str, typer.Argument(help="app or app/event, as in helios/metrics.", metavar="APP/EVENT")]
_SHOWN = 20


def simulate(
    event: Event,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="File to write (.csv, .ndjson, .parquet), or a folder for all events."),
    ],
    days: Annotated[float | None, typer.Option(help="How many days.  [default: the event's]")] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", "--samples", help="Exactly so many rows, in place of days.")
    ] = None,
    interval: Annotated[float | None, typer.Option(help="Minutes between rows.  [default: the event's]")] = None,
    positive_rate: Annotated[
        float | None,
        typer.Option(
            "--anomaly-rate",
            "--legitimate-ratio",
            "--positive-rate",
            help="Share of rows labelled 1.  [default: the event's]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same rows.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Write labelled synthetic rows to a file; of an app's every event, to a folder."""
    from telltale.telemetry.export import write_frame

    how = Simulation(
        days=days,
        n_rows=rows,
        interval_s=None if interval is None else interval * 60.0,
        positive_rate=positive_rate,
        seed=seed,
    )
    apps = installed_apps()
    wants_all = "/" not in event and len(find_app(apps, event).events) > 1
    if wants_all and output.suffix:
        names = ", ".join(f"{event}/{schema.name}" for schema in apps[event].events)
        raise UsageError(f"{event} has several events", where="simulate", mend=f"Give a folder, or one of {names}.")
    wanted = [(apps[event], schema) for schema in apps[event].events] if wants_all else [find_event(apps, event)]
    documents = []
    for app, schema in wanted:
        path = output / f"{schema.name}.{'csv' if _is_flat(schema) else 'ndjson'}" if wants_all else output
        frame = simulated(app, schema.name, how)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_frame(frame, path)
        n_positive = int(frame[schema.label].sum()) if schema.label in frame.columns else None
        documents.append(
            {"event": f"{app.name}/{schema.name}", "n": frame.height, "n_positive": n_positive, "file": str(path)}
        )
        if not as_json:
            labels = "" if n_positive is None else f" ({n_positive / max(frame.height, 1):.2%} have {schema.label} 1)"
            say(f"{app.name}/{schema.name}: {frame.height:,} rows{labels}, written to {path}.")
    if as_json:
        print_json(documents if wants_all else documents[0])
        return 0
    next_step(_after_simulation(*wanted[0], documents[0]["file"]))
    return 0


def _is_flat(schema: EventSchema) -> bool:
    return not any(column.dtype in {"floats", "strs"} for column in schema.columns)


def _after_simulation(app: App, schema: EventSchema, path: object) -> str:
    task = next((task for task in app.tasks if task.event == schema.name), None)
    if task is None:
        return f"telltale ingest {app.name}/{schema.name} {path}"
    return f"telltale train {app.name}/{task.name} --data {path}"


def _after_storing(app: App, schema: EventSchema) -> str:
    task = next((task for task in app.tasks if task.event == schema.name), None)
    if task is None:
        return f"telltale export {app.name}/{schema.name} -o {schema.name}.ndjson: no task reads this event yet"
    return f"telltale train {app.name}/{task.name}"


def collect(
    source: Annotated[str, typer.Argument(help="What to record: host, network, blocks, … as apps offer it.")],
    path: Annotated[str, typer.Argument(help="Where it lies, for sources that read files.")] = "",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="NDJSON file to append to; - for standard output.")
    ] = Path("-"),
    interval: Annotated[float, typer.Option(help="Seconds between rows.")] = 60.0,
    rows: Annotated[int | None, typer.Option(help="Stop after this many; else with Ctrl-C.")] = None,
) -> int:
    """Record real events of this machine."""
    sources = {name: (app, found) for app in installed_apps().values() for name, found in app.collections.items()}
    if source not in sources:
        raise UsageError.not_one_of(source, sources, where="collect")
    app, found = sources[source]
    stream = _stream(found, path, interval, rows)
    if str(output) == "-":
        for row in stream:
            typer.echo(msgspec.json.encode(row).decode())
        return 0
    every = "" if found.collect is None else f" every {interval:g} s"
    say(f"Recording {found.title}{every} to {output}; Ctrl-C ends it.")
    output.parent.mkdir(parents=True, exist_ok=True)
    n = 0
    with output.open("ab") as file:
        try:
            for row in stream:
                file.write(msgspec.json.encode(row) + b"\n")
                file.flush()
                n += 1
        except KeyboardInterrupt:
            pass
    say(f"{n:,} rows recorded.")
    next_step(_after_simulation(app, app.event(found.event), output))
    return 0


def _stream(found: Collection, path: str, interval_s: float, n_rows: int | None) -> Iterator[Mapping[str, object]]:
    if found.collect_path is not None:
        if not path:
            raise UsageError(f"{found.name} reads files", where="collect", mend=f"telltale collect {found.name} PATH")
        return found.collect_path(path, n_rows)
    assert found.collect is not None, f"{found.name} collects nothing"
    if path:
        raise UsageError(f"{found.name} reads no files", where="collect", mend="Leave the path out.")
    return found.collect(interval_s, n_rows)


def validate(
    event: Event, file: Annotated[Path, typer.Argument(help="File, or - for NDJSON.")], as_json: AsJson = False
) -> int:
    """Check a file's rows and store nothing; exit status 1 where a row would be quarantined or the file is not fit."""
    from telltale.telemetry.demands import unmet_demands

    with open_home() as home:
        checked = home.validate(event, file)
        _, schema = find_event(home.apps, event)
    unmet = unmet_demands(schema, checked)
    if as_json:
        print_json({**_document(checked), "unmet_demands": unmet})
    else:
        _show(checked)
        for demand in unmet:
            say(f"Not fit to train on: {demand}.")
        if schema.demands is not None and not unmet:
            say("Passed: the file is fit to train on.")
        fault = "mend the rows above" if checked.quarantined else "gather rows that meet what is asked"
        next_step(fault if checked.quarantined or unmet else f"telltale ingest {event} {file}")
    return 1 if checked.quarantined or unmet else 0


def ingest(
    event: Event,
    source: Annotated[str, typer.Argument(help="File, http(s) address, or - for NDJSON.", metavar="FILE|URL")],
    as_json: AsJson = False,
) -> int:
    """Store the good rows of a file or an address; bad ones are quarantined with their reasons."""
    from telltale.home.backend import key_for
    from telltale.home.settings import read_settings

    settings = read_settings(Path.cwd())
    key = key_for(source, api_url=settings["API_URL"], api_key=settings["API_KEY"])
    with open_home() as home:
        checked, stored = home.ingest(event, source, api_key=key)
        app, schema = find_event(home.apps, event)
    if as_json:
        document = {"stored": stored.n_stored, "already_stored": stored.n_already, **_document(checked)}
        print_json(document)
        return 0
    _show(checked)
    say(f"{stored.n_stored:,} rows stored, {stored.n_already:,} were stored already.")
    next_step(_after_storing(app, schema))
    return 0


def export(
    event: Event,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .csv, .ndjson or .parquet.")],
    since: Annotated[datetime | None, typer.Option(help="First moment, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Moment to stop before, UTC.")] = None,
    as_json: AsJson = False,
) -> int:
    """Write stored events to a file."""
    from datetime import UTC

    from telltale.telemetry.export import event_columns, write_frame

    with open_home() as home:
        app, schema = find_event(home.apps, event)
        frame = home.events.frame(
            app.name,
            schema,
            since=None if since is None else since.replace(tzinfo=UTC),
            until=None if until is None else until.replace(tzinfo=UTC),
        )
    write_frame(event_columns(frame, schema), output)
    if as_json:
        print_json({"event": f"{app.name}/{schema.name}", "n": frame.height, "file": str(output)})
    else:
        say(f"{frame.height:,} rows written to {output}.")
    return 0


def _document(checked: Checked) -> dict[str, object]:
    return {
        "read": checked.n_read,
        "accepted": checked.frame.height,
        "quarantined": len(checked.quarantined),
        "columns": list(checked.columns),
        "ignored": dict(checked.ignored),
        "reasons": [{"line": row.line, "reason": row.reason, "raw": row.raw} for row in checked.quarantined],
    }


def _show(checked: Checked) -> None:
    say(f"{checked.n_read:,} rows read: {checked.frame.height:,} accepted, {len(checked.quarantined):,} quarantined.")
    say(f"Measured: {', '.join(checked.columns)}.")
    for name, why in checked.ignored.items():
        say(f"Not used: {name} {why}.")
    if checked.quarantined:
        rows = [(str(row.line), row.reason, row.raw) for row in checked.quarantined[:_SHOWN]]
        out.print(table("Quarantined", ("line", "reason", "row"), rows, right=("line",)))
        if len(checked.quarantined) > _SHOWN:
            say(f"… and {len(checked.quarantined) - _SHOWN:,} more; --json lists all.")
