"""A simulated attack on a version: how many of its incidents are found, how soon, and who is alarmed about for nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import App, Task
from telltale.contract.errors import NotFoundError, UsageError
from telltale.contract.simulation import Simulation
from telltale.evaluate.alarm_figures import alarm_figures
from telltale.evaluate.clean_entities import clean_entities_flagged
from telltale.features.frame import epoch_s
from telltale.home.home import Home
from telltale.models.runtimes import score_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.train.fitted import TrainingChoices
from telltale.train.operating_point import reach_s
from telltale.train.sources import TEST_DAYS_LATER, TEST_SEED, check_simulated, rows_simulated
from telltale.train.version import train_version

Flags = NDArray[np.bool_]


class AttackOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Figures are None where there is nothing that they are of.

    Args:
        detection_rate: of incidents, those with a request decided an attack while they go on.
        delay_s: from the first request of an incident to that one, the median of those found.
        false_alarms: other requests decided attacks; they are of `clean_clients_flagged` clients without an incident.
    """

    n: int
    attack_requests: int
    attack_requests_flagged: int
    incidents: int
    detection_rate: float | None
    delay_s: float | None
    false_alarms: int
    clean_clients: int
    clean_clients_flagged: int


def task_attacked(app: App, event: str, kind: str) -> Task:
    """The task that reads the event. Raises UsageError where its simulator has no such kind, or no task scores it."""
    kinds = app.simulated_kinds.get(event, ())
    if kind not in kinds:
        raise UsageError.not_one_of(kind, kinds, where=f"--attack of {app.name}/{event}")
    for task in app.tasks:
        if task.event == event and task.kind == "score":
            return task
    raise UsageError(f"no task scores {app.name}/{event}", where="--attack", mend="Simulate another event.")


def attack_rows(app: App, event: str, kind: str, how: Simulation) -> pl.DataFrame:
    """Checked rows with attacks of one kind, of days and a seed that no version was trained on."""
    own = msgspec.structs.replace(how, kinds=(kind,), seed=how.seed + TEST_SEED)
    return check_simulated(app, event, own, days_later=TEST_DAYS_LATER).frame


def version_attacked(home: Home, app: App, task: Task) -> tuple[str, ScoreRuntime]:
    """The champion, else the latest version, else one trained for this alone; and how it is written."""
    try:
        name, runtime = home.load(f"{app.name}/{task.name}")
    except NotFoundError:
        rows = rows_simulated(app, task, Simulation())
        with TemporaryDirectory(prefix="telltale-attack-") as scratch:
            folder = Path(scratch) / "bundle"
            train_version(app, task, rows, TrainingChoices(), directory=folder, progress=lambda *_: None)
            return f"{app.name}/{task.name} trained for this", score_runtime(folder)
    assert isinstance(runtime, ScoreRuntime), f"{name} is of a task of kind score"
    return name, runtime


def outcome_of(frame: pl.DataFrame, decided: Flags, *, memory: float) -> AttackOutcome:
    """Count incidents, alarms and clients.

    Args:
        frame: checked rows with labels, sorted by entity and time.
        decided: which are decided to be attacks.
        memory: seconds that a decision looks back: an alarm so long after an incident is still of it.
    """
    events = frame[LABEL].to_numpy() == 1
    whose = frame[ENTITY].rle_id().to_numpy().astype(np.int64)
    alarms = alarm_figures(events, decided, epoch_s(frame).to_numpy(), whose, memory_s=memory)
    clean = clean_entities_flagged(events, decided, whose)
    return AttackOutcome(
        n=frame.height,
        attack_requests=int(events.sum()),
        attack_requests_flagged=int((events & decided).sum()),
        incidents=alarms.n_events,
        detection_rate=_known(alarms.event_recall),
        delay_s=_known(alarms.delay_s),
        false_alarms=int((decided & ~events).sum()),
        clean_clients=clean.n,
        clean_clients_flagged=round(clean.value * clean.n) if clean.n else 0,
    )


def decided_here(runtime: ScoreRuntime, frame: pl.DataFrame) -> AttackOutcome:
    """What a version at hand decides, each request with those of its client before it."""
    return outcome_of(frame, runtime.score_frame(frame) >= runtime.threshold, memory=reach_s(runtime.plan))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
