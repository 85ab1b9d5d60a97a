"""`telltale train`."""

from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.advice import what_to_try
from telltale.cli.console import AsJson, facts, next_step, out, print_json, progress_bar, say, table
from telltale.cli.events import Map, data_mapping
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameter, silent
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.home.settings import as_word, read_settings
from telltale.models.estimators import estimator_named
from telltale.models.manifest import Manifest
from telltale.train.cross_validation import CrossValidated
from telltale.train.fitted import TrainingChoices
from telltale.train.search_space import read_choice

# Figures of a cross-validation that are shown beside those that the gate asks for.
_SHOWN = ("accuracy", "f1", "regret")

Task = Annotated[str, typer.Argument(help="app/task, as in helios/anomaly.", metavar="APP/TASK")]


def train(
    task: Task,
    data: Annotated[Path | None, typer.Option(help="CSV, NDJSON or Parquet file to train on.")] = None,
    mapped: Map = None,
    days: Annotated[float | None, typer.Option(help="Days to simulate.  [default: the event's]")] = None,
    samples: Annotated[
        int | None, typer.Option("--rows", "--samples", help="Rows to simulate, in place of days.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Minutes between simulated rows.  [default: the event's]")
    ] = None,
    positive_rate: Annotated[
        float | None,
        typer.Option(
            "--anomaly-rate",
            "--legitimate-ratio",
            "--positive-rate",
            help="Share of simulated rows labelled 1.  [default: the event's]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of simulation and model.")] = 0,
    estimator: Annotated[str, typer.Option(help="The model; the task's first by default.")] = "",
    epochs: Annotated[int | None, typer.Option(help="For networks: passes over the rows, at most.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="For networks: rows per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="For networks: of the optimiser.")] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="For networks: add a little noise to training rows.")
    ] = False,
    device: Annotated[str, typer.Option(help="For networks: cpu or cuda.  [DEVICE, cpu]")] = "",
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            "--checkpoints",
            metavar="DIR",
            help="For networks: leave checkpoints here; where there are some of this training, go on from them.",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For networks: leave each epoch's figures here for TensorBoard.")
    ] = None,
    contamination: Annotated[
        float | None, typer.Option(help="Share of rows to flag, in place of labels or the alert budget.")
    ] = None,
    tune: Annotated[
        int, typer.Option(help="Trials of a parameter search, in all: one that was cut off goes on where it ended.")
    ] = 0,
    search: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LOW..HIGH", help="With --tune: what to try; also NAME=LOW..HIGH:log, NAME=A,B,C."),
    ] = None,
    grid_search: Annotated[
        bool, typer.Option("--grid-search", help="Try every combination of the model's grid.")
    ] = False,
    folds: Annotated[
        int, typer.Option(metavar="K", help="Cross-validate in place of training a version: judge on each of K parts.")
    ] = 0,
    output: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Also write the bundle and its figures here.")
    ] = None,
    save_data: Annotated[bool, typer.Option("--save-data", help="With -o: write training_data.csv too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Train a version, judge it on held-out rows, and register it."""
    if save_data and output is None:
        raise UsageError("--save-data has nowhere to write", where="train", mend="Add -o DIR.")
    if search and not tune:
        raise UsageError("--search without --tune", where="train", mend="Say how many trials: --tune 50.")
    simulation = None
    if any(value is not None for value in (days, samples, interval, positive_rate)):
        if data is not None:
            raise UsageError("--data and simulation options exclude each other", where="train", mend="Drop one.")
        simulation = Simulation(
            days=days,
            n_rows=samples,
            interval_s=None if interval is None else interval * 60.0,
            positive_rate=positive_rate,
            seed=seed,
        )
    parameters: dict[str, Parameter | None] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "augment": 1 if augment else None,
        "device": device or None,
        "checkpoint_dir": None if resume is None else str(resume),
        "tensorboard_dir": None if tensorboard is None else str(tensorboard),
    }
    choices = TrainingChoices(
        estimator=estimator,
        parameters={name: value for name, value in parameters.items() if value is not None},
        contamination=contamination,
        device="cpu" if device else as_word(read_settings(Path.cwd()), "DEVICE"),
        seed=seed,
        n_trials=tune,
        search_space=dict(map(read_choice, search or ())),
        grid_search=grid_search,
    )
    with open_home() as home, progress_bar(quiet=as_json) as progress:
        app, found = find_task(home.apps, task)
        mapping = data_mapping(data, mapped, where="train")
        rows = home.training_rows(app, found, data=data, mapping=mapping, simulation=simulation, seed=seed)
        if not as_json:
            say(_first_line(f"{app.name}/{found.name}", rows.kind, rows.train.height, data))
            if rows.n_quarantined:
                event = f"{app.name}/{found.event}"
                by = "" if mapped is None else f" --map {mapped}"
                say(f"Rows quarantined: {rows.n_quarantined:,}; `telltale validate {event} {data}{by}` says why.")
        tell = silent if as_json else say
        if folds:
            found_out = home.cross_validate(app, found, rows, choices, n_folds=folds, progress=progress, tell=tell)
            return _show_folds(found_out, asked=[target.metric for target in found.targets], as_json=as_json)
        trained = home.train_on(app, found, rows, choices, actor="cli", progress=progress, tell=tell)
        files = home.write_training(trained, output, save_data=save_data) if output is not None else {}
    document = trained.as_document()
    if as_json:
        print_json({**document, "files": files})
    else:
        _show(document)
        from telltale.evaluate.tables import targets_table, verdict_line

        if trained.manifest.verdict.targets and rows.held_out.height:
            out.print(targets_table(trained.manifest.verdict))
        out.print(verdict_line(trained.manifest.verdict))
        if files:
            say(f"Written to {output}: {', '.join(sorted(files))}")
        advice = what_to_try(found, trained.manifest, choices, is_by_rows=samples is not None)
        _next(trained.manifest, trained.version.number, advice)
    return 1 if trained.version.outcome == "fail" else 0


def _show_folds(found: CrossValidated, *, asked: list[str], as_json: bool) -> int:
    """Means and spreads over the parts; for people those that the task's targets ask for, and what leads beside them."""
    if as_json:
        print_json(found)
        return 0
    from telltale.evaluate.wording import figure_name, figure_text

    shown = [name for name in dict.fromkeys((*asked, *_SHOWN)) if name in found.metrics]
    rows = [
        (
            figure_name(name),
            figure_text(name, found.metrics[name].mean),
            figure_text(name, found.metrics[name].sd),
            "  ".join(figure_text(name, value) for value in found.metrics[name].values),
        )
        for name in shown
    ]
    out.print(table("", ("figure", "mean", "± sd", "each part"), rows, right=("mean", "± sd")))
    next_step(f"telltale train {found.app}/{found.task} --estimator {found.estimator}")
    return 0


def _first_line(task: str, kind: str, n_rows: int, data: Path | None) -> str:
    source = {"simulated": "simulated rows", "store": "stored events", "file": f"rows of {data}"}[kind]
    return f"Training {task} on {n_rows:,} {source}."


def _show(document: dict[str, object]) -> None:
    parameters = document["parameters"]
    assert isinstance(parameters, dict)
    model = str(document["estimator"])
    # A model that adapts reads the columns as they are; its plan is for reasons alone.
    reads = "columns" if estimator_named(model).traits.adapts else "features"
    names = document[reads]
    assert isinstance(names, list)
    settings = ", ".join(f"{name} {_short(v)}" for name, v in parameters.items())
    told = {
        "version": f"{document['version']} ({document['label']}), {document['seconds']:.1f} s",
        "model": f"{model}: {settings}" if settings else model,
    }
    if names:
        told[reads] = f"{len(names)}: " + ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    if document["threshold"] is not None:
        told["threshold"] = f"{document['threshold']:.4f}, from {document['threshold_from']}"
    facts(told | {"judged on": f"{document['n_held_out']:,} held-out rows"})


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _next(manifest: Manifest, number: int, advice: list[str]) -> None:
    task, verdict = f"{manifest.app}/{manifest.task}", manifest.verdict
    if verdict.outcome == "pass":
        next_step(f"telltale promote {task} --version {number}")
    elif verdict.outcome == "fail":
        say("To try:")
        for line in advice:
            say(f"- {line}")
        next_step(
            f"look where it errs with `telltale evaluate {task} --version {number} -o evaluation`, and train again"
        )
    else:
        why = "no labels, so no verdict" if verdict.n_positive == 0 and not verdict.n else "the gate cannot tell"
        next_step(f'{why}. If you want it: telltale promote {task} --version {number} --reason "…"')
