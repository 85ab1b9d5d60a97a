"""`telltale evaluate` and `telltale score`."""

from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, out, print_json, say
from telltale.cli.events import Map, data_mapping, mapping_at
from telltale.cli.training import Task
from telltale.contract.verdict import Target
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.home.evaluation import Evaluation
from telltale.home.model_path import bundle_at_model_path
from telltale.home.settings import read_settings
from telltale.models.runtimes import LoadedRuntime
from telltale.models.score_runtime import ScoreRuntime

Reference = Annotated[
    str,
    typer.Option(
        "--version", help="Number, role, label or bundle directory.  [default: MODEL_PATH, else champion, else latest]"
    ),
]


def evaluate(
    task: Task,
    version: Reference = "",
    data: Annotated[
        Path | None, typer.Option(help="Rows to judge on; else simulated ones of other days and another seed.")
    ] = None,
    mapped: Map = None,
    test_days: Annotated[float | None, typer.Option(help="Days to simulate.  [default: the task's]")] = None,
    interval: Annotated[
        float | None, typer.Option(help="Minutes between simulated rows.  [default: the app's]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Write plots, figures and report here.")
    ] = None,
    save_predictions: Annotated[bool, typer.Option("--save-predictions", help="Write predictions.csv too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Judge a version on rows that it was not trained on."""
    from telltale.home.evaluation import as_document
    from telltale.home.evaluation_files import write_evaluation

    directory = output or (Path("evaluation_results") if save_predictions else None)
    with open_home() as home:
        _, found = find_task(home.apps, task)
        evaluation, runtime = home.evaluate(
            task,
            reference=version or bundle_at_model_path(task, read_settings(Path.cwd())),
            data=data,
            mapping=data_mapping(data, mapped, where="evaluate"),
            days=test_days,
            seed=seed,
            interval_s=None if interval is None else interval * 60.0,
        )
        files: dict[str, str] = {}
        if directory is not None:
            files = write_evaluation(evaluation, found, runtime, directory, save_predictions=save_predictions)
    verdict = evaluation.judged.verdict
    if as_json:
        print_json(as_document(evaluation, runtime, files))
    else:
        _show(evaluation, runtime, found.targets)
        for name, path in sorted(files.items()):
            say(f"  {name:<28} {path}")
        next_step("open report.html" if files else "add -o evaluation_results for plots and a report")
    return 1 if verdict.outcome == "fail" else 0


def _show(evaluation: Evaluation, runtime: LoadedRuntime, targets: tuple[Target, ...]) -> None:
    from telltale.evaluate.choice_tables import classes_table
    from telltale.evaluate.class_plots import class_words
    from telltale.evaluate.tables import confusion_table, metrics_table, targets_table, verdict_line

    aside = f"; {evaluation.n_quarantined:,} are quarantined" if evaluation.n_quarantined else ""
    say(f"Evaluating {evaluation.reference} on {evaluation.frame.height:,} {evaluation.data_kind} rows{aside}.")
    if not runtime.manifest.trained_on.first:
        say("The version's training rows carry no time, so that an overlap with these rows cannot be seen.")
    judged = evaluation.judged
    if judged.result is not None:
        out.print(confusion_table(judged.result.counts, words=class_words(targets)))
    if judged.metrics:
        verdict = judged.verdict
        out.print(metrics_table(judged.metrics, n=verdict.n, n_positive=verdict.n_positive))
        for scenario, classes in judged.classes.items():
            out.print(classes_table(classes, scenario=scenario))
        out.print(targets_table(verdict))
    elif isinstance(runtime, ScoreRuntime):
        flagged = int(evaluation.answers["decision"].sum())
        facts({"flagged": f"{flagged:,} of {evaluation.frame.height:,} rows", "threshold": f"{runtime.threshold:.4f}"})
    out.print(verdict_line(judged.verdict))


def score(
    task: Task,
    data: Annotated[Path, typer.Option(help="Rows to score.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV to write.")],
    mapped: Map = None,
    version: Reference = "",
    as_json: AsJson = False,
) -> int:
    """Answer a file's rows: entity, time, what the version says (a score and a decision, a choice, …), version."""
    from telltale.home.evaluation import answer_rows, write_answers

    with open_home() as home:
        reference = version or bundle_at_model_path(task, read_settings(Path.cwd()))
        name, runtime, checked = home.score(task, data, mapping=mapping_at(mapped), reference=reference)
    answers = answer_rows(runtime, checked.frame)
    write_answers(output, answers, version=name)
    document = {
        "version": name,
        "n": checked.frame.height,
        "n_answers": answers.height,
        "n_quarantined": len(checked.quarantined),
        "file": str(output),
    }
    flagged = ""
    if isinstance(runtime, ScoreRuntime):
        document["n_flagged"] = int(answers["decision"].sum())
        flagged = f" {document['n_flagged']:,} flagged,"
    if as_json:
        print_json(document)
    else:
        rows = f"{checked.frame.height:,} rows with {name}"
        say(f"Scored {rows}:{flagged} {answers.height:,} answers, {len(checked.quarantined):,} quarantined.")
        next_step(f"open {output}")
    return 0
