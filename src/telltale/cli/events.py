"""Rows in and out: `simulate`, `validate`, `export`; `ingesting.py` has `ingest`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.attacking import RATE_PER_S, refuse_lone_options
from telltale.cli.attacking import attack as simulate_attack
from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.description import Describe, figures_of, say_figures
from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.schema import EventSchema
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import find_app, find_event, installed_apps
from telltale.telemetry.mapping import SourceMapping
from telltale.telemetry.validate import Checked
from telltale.train.sources import simulated

Event = Annotated[str, typer.Argument(help="app or app/event, as in helios/metrics.", metavar="APP/EVENT")]
Map = Annotated[
    Path | None, typer.Option("--map", metavar="FILE.toml", help="How the rows' columns become those of the event.")
]
_SHOWN = 20


def simulate(
    event: Event,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write (.csv, .ndjson, .parquet), or a folder for all events."),
    ] = None,
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
    entities: Annotated[
        int | None, typer.Option(help="Of how many entities, such as devices.  [default: the event's]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same rows.")] = 0,
    attack: Annotated[
        str, typer.Option(help="Attack a version with events of this kind, and tell what it finds; no file is needed.")
    ] = "",
    against: Annotated[
        str, typer.Option(help="With --attack: a running telltale, on this machine's loopback alone.", metavar="URL")
    ] = "",
    rate: Annotated[float, typer.Option(help="With --against: requests a second at most.")] = RATE_PER_S,
    key: Annotated[str, typer.Option(help="With --against: the server's key.", envvar="TELLTALE_KEY")] = "",
    describe: Describe = False,
    as_json: AsJson = False,
) -> int:
    """Write labelled synthetic rows to a file, of an app's every event to a folder; or simulate an attack on a version."""
    from telltale.telemetry.export import write_frame

    how = Simulation(
        days=days,
        n_rows=rows,
        interval_s=None if interval is None else interval * 60.0,
        positive_rate=positive_rate,
        n_entities=entities,
        seed=seed,
    )
    if attack:
        return simulate_attack(event, attack, how, against=against, rate=rate, key=key, output=output, as_json=as_json)
    refuse_lone_options(against)
    if output is None:
        raise UsageError("there is no file to write to", where="simulate", mend="Add -o FILE, or --attack KIND.")
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
        figures = figures_of(frame, schema, wants_columns=describe)
        documents.append(
            {"event": f"{app.name}/{schema.name}", "n": frame.height, **figures.as_document(), "file": str(path)}
        )
        if not as_json:
            say(f"{app.name}/{schema.name}: {frame.height:,} rows, written to {path}.")
            say_figures(figures)
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


def mapping_at(path: Path | None) -> SourceMapping | None:
    """The mapping that `--map` names; None where it is not given. Raises UsageError and NotFoundError."""
    from telltale.telemetry.mapping import read_mapping

    return None if path is None else read_mapping(path)


def data_mapping(data: Path | None, mapped: Path | None, *, where: str) -> SourceMapping | None:
    """As `mapping_at`, for commands that make rows up where no file is given. Raises UsageError without a file to map."""
    if mapped is not None and data is None:
        raise UsageError("--map has no rows to map", where=where, mend="Add --data FILE.")
    return mapping_at(mapped)


def validate(
    event: Event,
    file: Annotated[Path, typer.Argument(help="File, or - for NDJSON.")],
    mapped: Map = None,
    describe: Describe = False,
    as_json: AsJson = False,
) -> int:
    """Check a file's rows and store nothing; exit status 1 where a row would be quarantined or the file is not fit."""
    from telltale.telemetry.demands import unmet_demands
    from telltale.telemetry.export import event_columns

    with open_home() as home:
        checked = home.validate(event, file, mapping=mapping_at(mapped))
        _, schema = find_event(home.apps, event)
    unmet = unmet_demands(schema, checked)
    figures = figures_of(event_columns(checked.frame, schema), schema, wants_columns=describe)
    if as_json:
        print_json({**checked_document(checked), **figures.as_document(), "unmet_demands": unmet})
    else:
        show_checked(checked)
        say_figures(figures)
        for demand in unmet:
            say(f"Not fit to train on: {demand}.")
        if schema.demands is not None and not unmet:
            say("Passed: the file is fit to train on.")
        fault = "mend the rows above" if checked.quarantined else "gather rows that meet what is asked"
        next_step(
            fault
            if checked.quarantined or unmet
            else f"telltale ingest {event} {file}{'' if mapped is None else f' --map {mapped}'}"
        )
    return 1 if checked.quarantined or unmet else 0


def export(
    event: Event,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .csv, .ndjson or .parquet.")],
    since: Annotated[datetime | None, typer.Option(help="First moment, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Moment to stop before, UTC.")] = None,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="Make the rows from those of the event that they derive from: a file of it, or APP/EVENT for stored ones.",
            metavar="FILE|APP/EVENT",
        ),
    ] = "",
    label: Annotated[
        int | None, typer.Option(help="With --from: 0 or 1 for rows without a label.  [default: as the app says]")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write stored events to a file, or rows made from those of another event."""
    if not source and label is not None:
        raise UsageError(
            "--label is for rows made with --from", where="export", mend="Leave it out, or add --from FILE."
        )
    if source and (since or until):
        raise UsageError("--from takes every row", where="export", mend="Leave --since and --until out.")
    if source:
        return _export_derived(event, output, source=source, label=label, as_json=as_json)
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


def _export_derived(event: str, output: Path, *, source: str, label: int | None, as_json: bool) -> int:
    from telltale.home.derivations import derive_rows
    from telltale.telemetry.export import write_frame

    with open_home() as home:
        derived = derive_rows(home, event, source, label=label)
        app, schema = find_event(home.apps, event)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_frame(derived.frame, output)
    figures = figures_of(derived.frame, schema)
    n = derived.frame.height
    if as_json:
        left_out = [{"line": row.line, "reason": row.reason} for row in derived.left_out]
        document = {"event": f"{app.name}/{schema.name}", "from": derived.source, "read": derived.n_read, "n": n}
        print_json({**document, **figures.as_document(), "left_out": left_out, "file": str(output)})
        return 0
    say(f"{n:,} of {derived.n_read:,} rows of {derived.source} made into {schema.name}, written to {output}.")
    say_figures(figures)
    for row in derived.left_out[:_SHOWN]:
        say(f"Left out: line {row.line}: {row.reason}.")
    if len(derived.left_out) > _SHOWN:
        say(f"… and {len(derived.left_out) - _SHOWN:,} more; --json lists all.")
    next_step(f"telltale validate {app.name}/{schema.name} {output}")
    return 0


def checked_document(checked: Checked) -> dict[str, object]:
    """What a check found, as `--json` prints it."""
    return {
        "read": checked.n_read,
        "accepted": checked.frame.height,
        "quarantined": len(checked.quarantined),
        "columns": list(checked.columns),
        "ignored": dict(checked.ignored),
        "reasons": [{"line": row.line, "reason": row.reason, "raw": row.raw} for row in checked.quarantined],
    }


def show_checked(checked: Checked) -> None:
    """What a check found, for people."""
    say(f"{checked.n_read:,} rows read: {checked.frame.height:,} accepted, {len(checked.quarantined):,} quarantined.")
    say(f"Measured: {', '.join(checked.columns)}.")
    for name, why in checked.ignored.items():
        say(f"Not used: {name} {why}.")
    if checked.quarantined:
        rows = [(str(row.line), row.reason, row.raw) for row in checked.quarantined[:_SHOWN]]
        out.print(table("Quarantined", ("line", "reason", "row"), rows, right=("line",)))
        if len(checked.quarantined) > _SHOWN:
            say(f"… and {len(checked.quarantined) - _SHOWN:,} more; --json lists all.")
