"""`telltale evaluate` and `telltale score`."""

from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, out, print_json, say
from telltale.cli.training import Task
from telltale.home import open_home
from telltale.home.apps import find_task

Reference = Annotated[
    str, typer.Option("--version", help="Number, role, label or bundle directory.  [default: champion, else latest]")
]


def evaluate(
    task: Task,
    version: Reference = "",
    data: Annotated[
        Path | None, typer.Option(help="Rows to judge on; else simulated ones of other days and another seed.")
    ] = None,
    test_days: Annotated[float, typer.Option(help="Days to simulate.")] = 3.0,
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
    from telltale.home.evaluation import as_document, write_evaluation

    directory = output or (Path("evaluation_results") if save_predictions else None)
    with open_home() as home:
        _, found = find_task(home.apps, task)
        evaluation, runtime = home.evaluate(
            task,
            reference=version,
            data=data,
            days=test_days,
            seed=seed,
            interval_s=None if interval is None else interval * 60.0,
        )
        files: dict[str, str] = {}
        if directory is not None:
            files = write_evaluation(evaluation, found, runtime, directory, save_predictions=save_predictions)
    if as_json:
        print_json(as_document(evaluation, runtime, files))
        return 1 if evaluation.verdict.outcome == "fail" else 0
    from telltale.evaluate.tables import confusion_table, metrics_table, targets_table, verdict_line

    manifest = runtime.manifest
    aside = f"; {evaluation.n_quarantined:,} are quarantined" if evaluation.n_quarantined else ""
    say(f"Evaluating {evaluation.reference} on {evaluation.frame.height:,} {evaluation.data_kind} rows{aside}.")
    if manifest.trained_on.first == "":
        say("The version's training rows carry no time, so that an overlap with these rows cannot be seen.")
    if evaluation.result is not None:
        counts = evaluation.result.counts
        out.print(confusion_table(counts))
        out.print(metrics_table(evaluation.result.metrics, n=counts.n, n_positive=counts.n_positive))
        out.print(targets_table(evaluation.verdict))
    else:
        flagged = int((evaluation.scores >= evaluation.threshold).sum())
        facts(
            {"flagged": f"{flagged:,} of {evaluation.frame.height:,} rows", "threshold": f"{evaluation.threshold:.4f}"}
        )
    out.print(verdict_line(evaluation.verdict))
    for name, path in sorted(files.items()):
        say(f"  {name:<28} {path}")
    next_step("open report.html" if files else "add -o evaluation_results for plots and a report")
    return 1 if evaluation.verdict.outcome == "fail" else 0


def score(
    task: Task,
    data: Annotated[Path, typer.Option(help="Rows to score.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV to write.")],
    version: Reference = "",
    as_json: AsJson = False,
) -> int:
    """Score a file's rows: entity, time, score, decision, threshold, version."""
    from telltale.home.evaluation import write_scores

    with open_home() as home:
        name, runtime, checked = home.score(task, data, reference=version)
    frame = checked.frame
    scores = runtime.score_frame(frame)
    write_scores(output, frame, scores, threshold=runtime.threshold, version=name)
    n_flagged = int((scores >= runtime.threshold).sum())
    n_quarantined = len(checked.quarantined)
    if as_json:
        print_json(
            {
                "version": name,
                "n": frame.height,
                "n_flagged": n_flagged,
                "n_quarantined": n_quarantined,
                "file": str(output),
            }
        )
    else:
        say(f"Scored {frame.height:,} rows with {name}: {n_flagged:,} flagged, {n_quarantined:,} quarantined.")
        next_step(f"open {output}")
    return 0
