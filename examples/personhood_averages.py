"""Is this the enrolled person typing? What five averages of a session can say of that, on simulated people.

    python examples/personhood_averages.py

Trains on 250 people and judges on 250 others. Three ways, on the same sessions of the same people:

- the perceptron of `personhood/averages` on the five numbers alone, which does not know who is enrolled;
- scaled Manhattan on the same five: distance from the mean of the person's first ten genuine sessions, in mean absolute
  deviations (Killourhy & Maxion, DSN 2009, the best of their detectors);
- the perceptron again, told beside the five how far each is from the median of the account's last ten sessions.

Every threshold comes from the people trained on. Needs torch (`pip install 'telltale-loop[neural]'`); about half a minute.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.personhood import APP, AVERAGES
from telltale.apps.personhood.schema import FIVE
from telltale.contract.app import PlanDeriver, Task
from telltale.contract.plan import Change, Plan
from telltale.contract.simulation import Simulation
from telltale.evaluate.metrics import detection_metrics
from telltale.models.runtimes import score_runtime
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, simulated
from telltale.train.threshold import threshold_from_labels
from telltale.train.version import TrainingRows, train_version

SEED, OTHERS = 0, 1
N_ENROLLED = 10
Scores = NDArray[np.float64]
FIGURES = ("accuracy", "far", "frr", "eer", "auroc")


def with_history(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:  # noqa: ARG001 - nothing is fitted
    """The five, and each one's distance from the median of the account's last ten sessions."""
    changes = tuple(Change(out=f"{name}_change", column=name, window=N_ENROLLED) for name in FIVE)
    return Plan(
        columns=FIVE,
        steps=changes,
        features=(*FIVE, *(change.out for change in changes)),
        explained=(),
        history=N_ENROLLED,
        interval_s=0.0,
        sequence=sequence,
    )


def is_enrolment(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Which sessions are the first ten genuine ones of their person."""
    nth = frame.select(((pl.col(LABEL) == 1).cum_sum().over(ENTITY) <= N_ENROLLED) & (pl.col(LABEL) == 1))
    return nth.to_series().to_numpy()


def manhattan(frame: pl.DataFrame) -> Scores:
    """Scaled Manhattan, the sign turned, so that higher is more likely the person; a deviation is a whole unit at least."""
    enrolled = frame.filter(pl.Series(is_enrolment(frame)))
    means = enrolled.group_by(ENTITY).agg(pl.col(FIVE).mean())
    spreads = enrolled.group_by(ENTITY).agg((pl.col(FIVE) - pl.col(FIVE).mean()).abs().mean().clip(1.0))
    mean, spread = (frame.select(ENTITY).join(table, on=ENTITY, how="left").select(FIVE) for table in (means, spreads))
    distances = np.abs(frame.select(FIVE).to_numpy() - mean.to_numpy()) / spread.to_numpy()
    return np.asarray(-distances.sum(axis=1), dtype=np.float64)


def judged(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Sessions after the person's enrolment."""
    done = is_enrolment(frame)
    n_done = (
        pl.DataFrame({"e": frame[ENTITY], "d": done}).select(pl.col("d").cum_sum().over("e")).to_series().to_numpy()
    )
    return np.asarray((n_done >= N_ENROLLED) & ~done)


def told(name: str, frame: pl.DataFrame, impostors: pl.Series, scores: Scores, threshold: float) -> None:
    """One line of figures, and the share of each kind of impostor that was accepted."""
    at = judged(frame)
    labels = frame[LABEL].to_numpy().astype(np.int8)[at]
    metrics = detection_metrics(labels, scores[at], threshold).metrics
    figures = "".join(f"{metrics[figure].value:>10.3f}" for figure in FIGURES)
    accepted = scores[at] >= threshold
    kinds = impostors.to_numpy()[at]
    by_kind = "".join(f"{accepted[kinds == kind].mean():>12.3f}" for kind in ("person", "script", "imitation"))
    print(f"{name:<34}{figures}{by_kind}")


def main() -> None:
    """Simulate, train, judge, print."""
    how = Simulation(seed=SEED)
    train = check_simulated(APP, "averages", how).frame
    checked = check_simulated(APP, "averages", replace_seed(how))
    rows = TrainingRows(kind="simulated", train=train, held_out=checked.frame, columns=checked.columns)
    kinds = simulated(APP, "averages", replace_seed(how)).select(
        pl.col("user_id").alias(ENTITY), pl.col("timestamp").alias(TIME), "impostor"
    )
    impostors = checked.frame.join(kinds, on=[ENTITY, TIME], how="left", maintain_order="left")["impostor"]
    n_judged = int(judged(checked.frame).sum())
    share = float(checked.frame[LABEL].to_numpy()[judged(checked.frame)].mean())
    print(f"trained on {train.height:,} sessions of 250 people; judged on {n_judged:,} of 250 others,")
    print(f"each after their first {N_ENROLLED} genuine ones; {share:.1%} genuine")
    print(f"{'':<34}" + "".join(f"{name:>10}" for name in FIGURES) + "   accepted: person    script   imitation")
    plans: dict[str, PlanDeriver | None] = {
        "perceptron, five numbers": AVERAGES.derive_plan,
        "perceptron, five and their changes": with_history,
    }
    with TemporaryDirectory(prefix="telltale-") as scratch:
        for name, plan in plans.items():
            score, threshold = perceptron(replace(AVERAGES, derive_plan=plan), rows, Path(scratch) / name)
            told(name, checked.frame, impostors, score, threshold)
    at = judged(train)
    threshold = threshold_from_labels(
        train[LABEL].to_numpy().astype(np.int8)[at],
        manhattan(train)[at],
        AVERAGES.targets,
        rng=np.random.default_rng(SEED),
    )
    told("scaled Manhattan, five numbers", checked.frame, impostors, manhattan(checked.frame), threshold)


def replace_seed(how: Simulation) -> Simulation:
    """The same, of other people."""
    return Simulation(seed=OTHERS, days=how.days)


def perceptron(task: Task, rows: TrainingRows, directory: Path) -> tuple[Scores, float]:
    """Scores of the rows to be judged, and the threshold."""
    train_version(
        APP, task, rows, TrainingChoices(estimator="mlp"), directory=directory, progress=lambda _what, _done, _of: None
    )
    runtime = score_runtime(directory)
    return runtime.score_frame(rows.held_out), runtime.threshold


if __name__ == "__main__":
    main()
