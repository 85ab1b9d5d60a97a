"""`telltale demo`: the whole loop of every app on simulated rows, shown as it happens."""

import json
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import next_step, out, print_json, progress_bar, say
from telltale.cli.demo_traffic import ask_once, send_events, show_answer, show_traffic, traffic_document
from telltale.cli.example_bodies import enrolled_rows, example_body
from telltale.cli.serving import serve_settings
from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation
from telltale.evaluate.tables import targets_table, verdict_line
from telltale.home import Home, open_home
from telltale.home.enrolment import enrol_rows
from telltale.home.evaluation_files import write_evaluation
from telltale.home.settings import as_int, read_settings
from telltale.models.estimators import estimator_named
from telltale.serve.server import start_background
from telltale.train.estimator_choice import install_command, obstacles


def demo(
    exit_when_done: Annotated[bool, typer.Option("--exit", help="Stop when all was shown; else keep serving.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.  [PORT, 8000]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end; implies --exit.")] = False,
) -> int:
    """Of every app: simulate, train, gate, promote, serve, ask, and say what was found and why."""
    # Ended by a signal, it must end its server too: as Ctrl-C would.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = read_settings(Path.cwd())
    summary: dict[str, object] = {}
    began = time.perf_counter()
    # A home of its own: made-up traffic must not end up among the events that people train on.
    folder = Path(settings["TELLTALE_HOME"]) / "demo"
    served = []
    with open_home(folder) as home:
        for app, task in [(one, its) for one in home.apps.values() for its in one.tasks]:
            address = f"{app.name}/{task.name}"
            document = _train(home, app, task, quiet=as_json)
            summary[address] = document
            if document.get("promoted"):
                served.append((app, task))
    number = as_int(settings, "PORT") if port is None else port
    with start_background(
        serve_settings({**settings, "TELLTALE_HOME": str(folder), "MODEL_DIR": "", "DATABASE_URL": ""}),
        host=settings["HOST"],
        port=number,
    ) as server:
        for app, task in served:
            summary[f"{app.name}/{task.name} served"] = _ask(server.url, app, task, quiet=as_json)
        if as_json:
            print_json(summary | {"url": server.url, "seconds": round(time.perf_counter() - began, 1)})
            return 0
        _tell_where(server.url, folder, served, seconds=time.perf_counter() - began)
        if exit_when_done:
            return 0
        next_step(f"look at {server.url}/docs and {server.url}/health; Ctrl-C ends the server")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            say("")
    return 0


def _train(home: Home, app: App, task: Task, *, quiet: bool) -> dict[str, object]:
    """Train, evaluate, and promote what the gate lets through."""
    address = f"{app.name}/{task.name}"
    if not quiet:
        out.rule(f"[bold]{address}[/bold]: {app.title}", align="left")
    hindered = obstacles(task)
    if len(hindered) == len(task.every_estimator):
        why = "; ".join(f"{name} {what}" for name, what in hindered.items())
        if not quiet:
            say(f"Left out: {why}. With {install_command(estimator_named(task.estimators[0]))} it is shown too.")
        return {"left_out": why}
    with progress_bar(quiet=quiet) as progress:
        trained = home.train(address, actor="demo", simulation=Simulation(), progress=progress)
    for name in hindered if not quiet else ():
        mend = install_command(estimator_named(name))
        say(f"{name} {hindered[name]} ({mend}), so this is {trained.manifest.estimator}.")
    number, outcome = trained.version.number, trained.version.outcome
    evaluation, runtime = home.evaluate(address, reference=str(number))
    directory = home.folder.path / "evaluation" / app.name / task.name
    files = write_evaluation(evaluation, task, runtime, directory, save_predictions=True)
    # What the gate refuses is shown too, in this home alone: a demonstration must not hide what does not work.
    reason = "the gate passed" if outcome == "pass" else f"shown although the gate says {outcome}"
    home.promote(address, str(number), actor="demo", reason=reason, override=outcome != "pass")
    if task.verification is not None:
        enrol_rows(home.folder.events, app, task, enrolled_rows(app, task), actor="demo", now=datetime.now(UTC))
    if not quiet:
        out.print(targets_table(trained.manifest.verdict))
        out.print(verdict_line(trained.manifest.verdict))
        now = "promoted to champion" if outcome == "pass" else "promoted against the gate, only to be shown here"
        say(
            f"Version {number} ({trained.manifest.estimator}): {trained.manifest.trained_on.n_rows:,} simulated rows, "
            f"{trained.seconds:.1f} s, {now}. Report: {files['report.html']}"
        )
    return trained.as_document() | {"files": files, "promoted": True}


def _ask(url: str, app: App, task: Task, *, quiet: bool) -> dict[str, object]:
    label = app.event(task.event).label
    if not quiet:
        out.rule(f"[bold]{app.name}/{task.name}[/bold] over HTTP", align="left")
    if task.kind == "score" and label is not None:
        found = send_events(url, app, task)
        if not quiet:
            show_traffic(found, label=label)
        return dict(traffic_document(found))
    body, answer = ask_once(url, app, task)
    if not quiet:
        show_answer(body, answer)
    return {"asked": body, "answer": answer}


def _tell_where(url: str, folder: Path, served: list[tuple[App, Task]], *, seconds: float) -> None:
    say("")
    say(f"All of it took {seconds:.0f} s. Serving on {url} from {folder}. Try:")
    for app, task in served:
        body = json.dumps(example_body(app, task))
        say(f"  curl -s {url}/v1/{app.name}/{task.name}/predict -d '{body}'")
    say(f"  TELLTALE_HOME={folder} telltale history {served[0][0].name}/{served[0][1].name}" if served else "")
