"""Networks to train on and networks to be scored: other devices, other days, other random numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.apps.eyenet import ANOMALY, APP
from telltale.apps.eyenet.features import WINDOW_S
from telltale.apps.eyenet.network_devices import devices
from telltale.contract.estimator import Scores
from telltale.contract.simulation import Simulation
from telltale.evaluate.alarm_figures import AlarmFigures, alarm_figures, threshold_of_false_alarms
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.train.sources import TEST_DAYS_LATER, TEST_SEED, check_simulated
from telltale.train.version import TrainingRows

# Of 100 rows so many are in a fault: of those trained on, and of those scored, where a network is mostly well.
_TRAIN_RATE, _TEST_RATE = 0.05, 0.02


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the networks are, and how long.

    Args:
        seeds: one trial each.
        n_known: devices that are trained on.
        n_new: devices that come later.
        days: of training, and as many are scored.
        n_fine: devices that are trained on at a row every 10 s, and as many that are scored.
        fine_days: of each.
    """

    seeds: Sequence[int]
    n_known: int
    n_new: int
    days: float
    n_fine: int
    fine_days: float


FULL: Final = Size(seeds=(1, 2), n_known=15, n_new=20, days=7.0, n_fine=10, fine_days=2.25)
QUICK: Final = Size(seeds=(1,), n_known=5, n_new=5, days=1.5, n_fine=2, fine_days=0.25)
_FINE_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Rows that are scored: sorted by device and time, with the label of every row."""

    frame: pl.DataFrame

    @property
    def labels(self) -> NDArray[np.int8]:
        """1 in a fault."""
        return self.frame[LABEL].to_numpy().astype(np.int8)

    def alarms(self, decided: NDArray[np.bool_]) -> AlarmFigures:
        """What decisions come to as alarms."""
        return alarm_figures(self.labels == 1, decided, *self._when_and_whose(), memory_s=WINDOW_S)

    def recall_at_one(self, scores: Scores) -> float:
        """The share of faults found at the cut with one false alarm a device and week: a bound, for no cut is known before."""
        return self.alarms(scores >= self.cut_at_one(scores)).event_recall

    def cut_at_one(self, scores: Scores) -> float:
        """The lowest cut with one false alarm a device and week."""
        return threshold_of_false_alarms(
            self.labels == 1, scores, *self._when_and_whose(), memory_s=WINDOW_S, per_entity_week=1.0
        )

    def _when_and_whose(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        times_s = self.frame[TIME].dt.epoch("us").to_numpy() / 1e6
        return times_s, self.frame[ENTITY].rle_id().to_numpy().astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rows to fit on, and rows to be scored.

    Args:
        name: of the case.
        suffix: of its figures; "_10s" where a row comes every 10 s.
        seed: of every method.
        rows: of the known devices; nothing of others.
        new: later days of devices that are in no training row.
        known: later days of those that are.
    """

    name: str
    suffix: str
    seed: int
    rows: TrainingRows
    new: Scored
    known: Scored


def trials(size: Size) -> Iterator[Trial]:
    """One network after the other, at a row a minute; and the first once more, smaller, at a row every 10 s."""
    for seed in size.seeds:
        yield _trial(seed, n_known=size.n_known, n_new=size.n_new, days=size.days)
    yield _trial(size.seeds[0], n_known=size.n_fine, n_new=size.n_fine, days=size.fine_days, interval_s=_FINE_S)


def _trial(seed: int, *, n_known: int, n_new: int, days: float, interval_s: float | None = None) -> Trial:
    names = [device.name for site in devices(n_known + n_new) for device in site]
    known, new = names[:n_known], names[n_known:]

    def network(seed: int, rate: float, days_later: float) -> pl.DataFrame:
        how = Simulation(days=days, n_entities=n_known + n_new, positive_rate=rate, interval_s=interval_s, seed=seed)
        return check_simulated(APP, ANOMALY.event, how, days_later=days_later).frame

    train = _of(network(seed, _TRAIN_RATE, 0.0), known)
    later = network(seed + TEST_SEED, _TEST_RATE, TEST_DAYS_LATER)
    columns = tuple(column.name for column in APP.event(ANOMALY.event).columns)
    return Trial(
        name=f"network {seed}",
        suffix="" if interval_s is None else f"_{interval_s:g}s",
        seed=seed,
        rows=TrainingRows(kind="simulated", train=train, held_out=train[:0], columns=columns),
        new=Scored(frame=_of(later, new)),
        known=Scored(frame=_of(later, known)),
    )


def _of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return frame.filter(pl.col(ENTITY).is_in(list(names)))
