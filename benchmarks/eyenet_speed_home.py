"""Homes with versions of `eyenet/anomaly` and a made-up fleet in the store, for `benchmarks.eyenet_speed`.

A device of the fleet holds as many rows as a version reads, ten seconds apart, cut at random from devices of a simulated
network that no version was trained on, a few faults among them. Rows are stored as a collector sends them: one of every device,
then the next of every device, so that the rows of one device lie far apart on disk.

The fleet is known to the versions: each of its devices has the levels of one that was trained on, under its own name. One more
version does not know any of them, and reads half an hour of each for a level.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from benchmarks.catalogue import Progress
from telltale.apps.eyenet import ANOMALY, APP
from telltale.apps.eyenet.features import derive_plan
from telltale.contract.estimator import Parameter
from telltale.contract.plan import OwnLevel, Plan, Seasonal, Step
from telltale.contract.simulation import Simulation
from telltale.home.home import open_home, silent
from telltale.models.runtimes import scoring
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE
from telltale.train.estimator_choice import choose_estimator
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked

TASK: Final = "eyenet/anomaly"
INTERVAL_S: Final = 10.0
LSTM: Final = "lstm"
NEW: Final = "of new devices"
_WHY: Final = "benchmark"
# The hours that the rows of the fleet are of: levels that know of no hour hold there.
_DAYS: Final = 0.25
_LARGEST: Final = 10_000
_QUICK_ROWS: Final = 3_000
# Share of rows in a fault. One device in twenty would be no network at work, and each that is flagged has its reasons told.
_FAULTY: Final = 0.005
# So many passes as a network with figures of its own; how fast it answers does not depend on them.
_EPOCHS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A home without events, and its versions.

    Args:
        folder: of the home.
        versions: number of each, by estimator; the app's own choice first, and last the same that knows no device, as `NEW`.
        rows: that a version reads of a device, at most over all of them.
        checkpoints: of the LSTM's training.
    """

    folder: Path
    versions: dict[str, int]
    rows: int
    checkpoints: Path


def train(folder: Path, *, estimators: Sequence[str], quick: bool, progress: Progress) -> Trained:
    """Train the app's own choice and other estimators on rows ten seconds apart; with `quick` the others alone."""
    checkpoints = folder / "checkpoints"
    simulation = Simulation(
        interval_s=INTERVAL_S, n_rows=_QUICK_ROWS if quick else None, days=None if quick else _DAYS, start=APP.start
    )
    rows = rows_from_checked("simulated", check_simulated(APP, ANOMALY.event, simulation), ANOMALY, where=_WHY)
    own_choice = (
        estimators[0]
        if quick
        else choose_estimator(ANOMALY, TrainingChoices(), rows.train, columns=(), declared=()).estimator.name
    )
    network: dict[str, Parameter] = {"epochs": 1 if quick else _EPOCHS, "checkpoint_dir": str(checkpoints)}
    versions: dict[str, int] = {}
    n_read = 0
    with open_home(folder / "trained") as home:
        for name in dict.fromkeys([own_choice, *estimators, NEW]):
            progress(f"training {TASK} as {name}")
            estimator = own_choice if name == NEW else name
            choices = TrainingChoices(estimator=estimator, parameters=network if name == LSTM else {})
            task = ANOMALY if name == NEW else replace(ANOMALY, derive_plan=_derive_plan_of_fleet)
            version = home.train_on(APP, task, rows, choices, actor=_WHY, progress=silent).version
            versions[name] = version.number
            n_read = max(n_read, scoring(home.load(TASK, str(version.number))[1]).history + 1)
    return Trained(folder=folder / "trained", versions=versions, rows=n_read, checkpoints=checkpoints)


def _derive_plan_of_fleet(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """The app's own plan, that knows the devices of the fleet as well."""
    plan = derive_plan(frame, columns, sequence=sequence)
    names = [_name(number) for number in range(_LARGEST)]
    return msgspec.structs.replace(plan, steps=tuple(_with_fleet(step, names) for step in plan.steps))


def _with_fleet(step: Step, names: Sequence[str]) -> Step:
    if isinstance(step, Seasonal) and len(step.tables) > 1:
        known = [table for name, table in step.tables.items() if name]
        own = {name: known[number % len(known)] for number, name in enumerate(names)}
        return msgspec.structs.replace(step, tables={**step.tables, **own})
    if isinstance(step, OwnLevel) and step.known is not None:
        return msgspec.structs.replace(step, known=(*step.known, *names))
    return step


def _name(number: int) -> str:
    return f"device-{number:05d}"


def fleet_rows(n_devices: int, *, rows: int, seed: int) -> pl.DataFrame:
    """A checked frame of so many rows of each device, in the order in which they come in."""
    n_simulated = max(10_000, 20 * rows)
    network = APP.simulate(
        ANOMALY.event,
        Simulation(
            n_rows=n_simulated,
            interval_s=INTERVAL_S,
            positive_rate=_FAULTY,
            seed=seed,
            start=APP.start + timedelta(days=28),
        ),
    )
    event = APP.event(ANOMALY.event)
    assert event.entity is not None, "devices are told apart"
    of_devices = network.partition_by(event.entity, maintain_order=True)
    rng = np.random.default_rng(seed)
    firsts = np.cumsum([0, *(len(one) for one in of_devices[:-1])])
    which = np.arange(n_devices) % len(of_devices)
    spare = np.array([len(one) - rows for one in of_devices])[which]
    first = firsts[which] + (rng.random(n_devices) * (spare + 1)).astype(np.int64)
    at = (first[None, :] + np.arange(rows)[:, None]).ravel()
    names = pl.Series(ENTITY, [_name(number) for number in range(n_devices)])
    measured = [column.name for column in event.columns]
    taken: pl.DataFrame = pl.concat(of_devices).select(pl.col(event.time).cast(TIME_DTYPE).alias(TIME), *measured)[at]
    return taken.with_columns(names.gather(np.tile(np.arange(n_devices), rows)))


def fill(trained: Trained, folder: Path, *, n_devices: int, seed: int) -> Path:
    """A copy of the home with a fleet in its store."""
    shutil.copytree(trained.folder, folder)
    frame = fleet_rows(n_devices, rows=trained.rows, seed=seed)
    columns = [column.name for column in APP.event(ANOMALY.event).columns]
    with open_home(folder) as home:
        EventStore(home.folder.events).add(APP.name, ANOMALY.event, frame, columns, source=_WHY, now=datetime.now(UTC))
    return folder


def promote(folder: Path, number: int) -> None:
    """Let a version serve, if it does not yet."""
    with open_home(folder) as home:
        champion = home.registry.champion(APP.name, ANOMALY.name)
        if champion is None or champion.number != number:
            home.promote(TASK, str(number), actor=_WHY, reason=_WHY, override=True)


def write_questions(file: Path, *, n_devices: int, seed: int) -> Path:
    """A body a line, each of another device, in no order."""
    order = np.random.default_rng(seed).permutation(n_devices).tolist()
    file.write_bytes(b"".join(msgspec.json.encode({"device_id": _name(at)}) + b"\n" for at in order))
    return file
