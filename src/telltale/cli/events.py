"""Rows in and out: `simulate`, `collect`, `validate`, `ingest`, `export`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.contract.errors import UsageError
from telltale.home import open_home
from telltale.home.apps import find_event, installed_apps
from telltale.telemetry.validate import Checked
from telltale.train.sources import Simulation, simulated

Event = Annotated[str, typer.Argument(help="app or app/event, as in helios/metrics.", metavar="APP/EVENT")]
_SHOWN = 20


def simulate(
    event: Event,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .csv, .ndjson or .parquet.")],
    days: Annotated[float, typer.Option(help="How many days.")] = 7.0,
    interval: Annotated[float | None, typer.Option(help="Minutes between rows.  [default: the app's]")] = None,
    anomaly_rate: Annotated[float, typer.Option(help="Share of rows that are anomalous.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Same seed, same rows.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Write labelled synthetic rows to a file."""
    from telltale.telemetry.export import write_frame

    app, schema = find_event(installed_apps(), event)
    how = Simulation(
        days=days, interval_s=None if interval is None else interval * 60.0, anomaly_rate=anomaly_rate, seed=seed
    )
    frame = simulated(app, schema.name, how)
    write_frame(frame, output)
    n_positive = int(frame[schema.label].sum()) if schema.label in frame.columns else 0
    if as_json:
        print_json(
            {"event": f"{app.name}/{schema.name}", "n": frame.height, "n_positive": n_positive, "file": str(output)}
        )
        return 0
    say(f"{frame.height:,} rows, {n_positive:,} anomalous ({n_positive / frame.height:.2%}), written to {output}.")
    next_step(f"telltale train {app.name}/{app.tasks[0].name} --data {output}")
    return 0


def collect(
    source: Annotated[str, typer.Argument(help="What to record, as in host.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="NDJSON file to append to; - for standard output.")
    ] = Path("-"),
    interval: Annotated[float, typer.Option(help="Seconds between rows.")] = 60.0,
    rows: Annotated[int | None, typer.Option(help="Stop after this many; else with Ctrl-C.")] = None,
) -> int:
    """Record real events of this machine."""
    sources = {name: found for app in installed_apps().values() for name, found in app.collections.items()}
    if source not in sources:
        raise UsageError.not_one_of(source, sources, where="collect")
    stream = sources[source].collect(interval, rows)
    if str(output) == "-":
        for row in stream:
            typer.echo(msgspec.json.encode(row).decode())
        return 0
    say(f"Recording {sources[source].title} every {interval:g} s to {output}; Ctrl-C ends it.")
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
    next_step(f"telltale train helios/anomaly --data {output}")
    return 0


def validate(
    event: Event, file: Annotated[Path, typer.Argument(help="File, or - for NDJSON.")], as_json: AsJson = False
) -> int:
    """Check a file's rows and store nothing; exit status 1 where a row would be quarantined."""
    with open_home() as home:
        checked = home.validate(event, file)
    if as_json:
        print_json(_document(checked))
    else:
        _show(checked)
        next_step("mend the rows above" if checked.quarantined else f"telltale ingest {event} {file}")
    return 1 if checked.quarantined else 0


def ingest(
    event: Event, file: Annotated[Path, typer.Argument(help="File, or - for NDJSON.")], as_json: AsJson = False
) -> int:
    """Store a file's good rows; bad ones are quarantined with their reasons."""
    with open_home() as home:
        checked, stored = home.ingest(event, file)
        app, _ = find_event(home.apps, event)
    if as_json:
        document = {"stored": stored.n_stored, "already_stored": stored.n_already, **_document(checked)}
        print_json(document)
        return 0
    _show(checked)
    say(f"{stored.n_stored:,} rows stored, {stored.n_already:,} were stored already.")
    next_step(f"telltale train {app.name}/{app.tasks[0].name}")
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
            schema.name,
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
