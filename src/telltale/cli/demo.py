"""`telltale demo`: the whole loop of every app on simulated rows, shown as it happens."""

import json
import signal
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import polars as pl
import typer

from telltale.cli.console import next_step, out, print_json, progress_bar, say, table
from telltale.cli.serving import serve_settings
from telltale.contract.answer import Reason
from telltale.contract.app import App, Task
from telltale.contract.errors import GateError
from telltale.evaluate.tables import targets_table, verdict_line
from telltale.home import Home, open_home
from telltale.home.evaluation import write_evaluation
from telltale.home.settings import as_int, read_settings
from telltale.serve.intake import Received
from telltale.serve.predict import Prediction
from telltale.serve.server import start_background
from telltale.telemetry.export import event_columns
from telltale.train.sources import Simulation, check_simulated

# The day of traffic lies a year after training and under its own seed: nothing in it was seen before.
_TRAFFIC = Simulation(days=1.0, seed=4_711)
_TRAFFIC_DAYS_LATER = 371.0
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Found:
    """One row of the traffic that was flagged or should have been."""

    time: str
    truth: int
    flagged: bool
    score: float
    why: str


def demo(
    exit_when_done: Annotated[bool, typer.Option("--exit", help="Stop when all was shown; else keep serving.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.  [PORT, 8000]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end; implies --exit.")] = False,
) -> int:
    """Simulate, train, gate, promote, serve, send a day of traffic, and say what was found and why."""
    # Ended by a signal, it must end its server too: as Ctrl-C would.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = read_settings(Path.cwd())
    summary: dict[str, object] = {}
    # A home of its own: made-up traffic must not end up among the events that people train on.
    folder = Path(settings["TELLTALE_HOME"]) / "demo"
    with open_home(folder) as home:
        tasks = [(app, task) for app in home.apps.values() for task in app.tasks]
        for app, task in tasks:
            summary[f"{app.name}/{task.name}"] = _train(home, app, task, quiet=as_json)
        home.folder.close()  # the server opens it anew, in a process of its own
        number = as_int(settings, "PORT") if port is None else port
        with start_background(
            serve_settings({**settings, "TELLTALE_HOME": str(folder)}), host=settings["HOST"], port=number
        ) as server:
            for app, task in tasks:
                found = _send_traffic(server.url, app, task, quiet=as_json)
                summary[f"{app.name}/{task.name} traffic"] = _traffic_document(found)
                if not as_json:
                    _show_traffic(found)
            if as_json:
                print_json(summary | {"url": server.url})
                return 0
            _tell_where(server.url, folder, tasks)
            if exit_when_done:
                return 0
            next_step(f"look at {server.url}/docs and {server.url}/health; Ctrl-C ends the server")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                say("")
    return 0


def _train(home: Home, app: App, task: Task, *, quiet: bool) -> dict[str, object]:
    address = f"{app.name}/{task.name}"
    if not quiet:
        out.rule(f"[bold]{address}[/bold]: {app.title}", align="left")
        say("Simulating a week, training, and judging on the week after it.")
    with progress_bar(quiet=quiet) as progress:
        trained = home.train(address, simulation=Simulation(), actor="demo", progress=progress)
    number = trained.version.number
    evaluation, runtime = home.evaluate(address, reference=str(number))
    directory = home.folder.path / "evaluation" / app.name / task.name
    files = write_evaluation(evaluation, task, runtime, directory, save_predictions=True)
    if trained.version.outcome != "pass":
        raise GateError(
            f"version {number} did not pass: {trained.version.outcome}",
            where=address,
            mend="Look at the targets above.",
        )
    home.promote(address, str(number), actor="demo", reason="the gate passed")
    if not quiet:
        out.print(targets_table(trained.manifest.verdict))
        out.print(verdict_line(trained.manifest.verdict))
        say(f"Version {number}: trained in {trained.seconds:.1f} s, promoted to champion. Plots and report:")
        for path in sorted(files.values()):
            say(f"  {path}")
    return trained.as_document() | {"files": files}


def _send_traffic(url: str, app: App, task: Task, *, quiet: bool) -> list[Found]:
    """A day of rows, one request each, scored from the rows stored before them."""
    schema = app.event(task.event)
    checked = check_simulated(app, task.event, _TRAFFIC, days_later=_TRAFFIC_DAYS_LATER)
    labels = checked.frame["@label"].to_list()
    rows = event_columns(checked.frame.drop("@label"), schema)
    rows = rows.with_columns(pl.col(schema.time).dt.to_string("iso:strict"))
    found = []
    with progress_bar(quiet=quiet) as progress:
        for done, (row, truth) in enumerate(zip(rows.iter_rows(named=True), labels, strict=True), start=1):
            prediction = _post(f"{url}/v1/{app.name}/events/{schema.name}?score=true", row)
            found.append(
                Found(
                    time=str(row[schema.time]),
                    truth=int(truth),
                    flagged=prediction.decision,
                    score=prediction.score,
                    why="; ".join(map(_sentence, prediction.reasons)),
                )
            )
            progress("traffic", done, rows.height)
    return found


def _post(url: str, row: dict[str, object]) -> Prediction:
    request = urllib.request.Request(url, data=msgspec.json.encode(row), method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own server
        predictions = msgspec.json.decode(response.read(), type=Received).predictions
    assert predictions  # it was asked for with score=true
    return predictions[0]


def _sentence(reason: Reason) -> str:
    low, high = _number(reason.expected_low), _number(reason.expected_high)
    after = " after the rows before" if reason.against == "rows before" else ""
    return f"{reason.metric} {_number(reason.value)}, expected {low} to {high}{after}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _traffic_document(found: list[Found]) -> dict[str, object]:
    caught = sum(row.truth and row.flagged for row in found)
    return {
        "rows": len(found),
        "anomalous": sum(row.truth for row in found),
        "caught": caught,
        "false_alarms": sum(row.flagged and not row.truth for row in found),
    }


def _show_traffic(found: list[Found]) -> None:
    counts = _traffic_document(found)
    say("")
    say(
        f"A day of traffic over HTTP, {counts['rows']} rows: {counts['caught']} of {counts['anomalous']} anomalies found, "
        f"{counts['false_alarms']} false alarms."
    )
    told = [row for row in found if row.flagged or row.truth]
    rows = [(row.time[11:16], _word(row), f"{row.score:.3f}", row.why) for row in told[:_SHOWN]]
    out.print(table("", ("time", "what", "score", "why"), rows, right=("score",)))
    if len(told) > _SHOWN:
        say(f"… and {len(told) - _SHOWN} more.")


def _word(row: Found) -> str:
    return "found" if row.truth and row.flagged else "false alarm" if row.flagged else "missed"


def _tell_where(url: str, folder: Path, tasks: list[tuple[App, Task]]) -> None:
    say("")
    say(f"Serving on {url} from {folder}. Try:")
    app, task = tasks[0]
    body = {"event_count": 1000, "error_rate": 0.18, "p50_latency_ms": 45, "p95_latency_ms": 90, "p99_latency_ms": 130}
    say(f"  TELLTALE_HOME={folder} telltale history {app.name}/{task.name}")
    say(f"  curl -s {url}/v1/{app.name}/{task.name}/predict -d '{json.dumps(body)}'")
