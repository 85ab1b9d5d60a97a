"""Does a drift alarm mean something? False alarms where nothing changed, and how often a shift is found.

Made streams: 12 independent features, Gaussian, first-order autoregressive with coefficients 0, 0.5 and 0.9; a reference
of 5,000 rows and windows of 50 to 5,000. Every reference is drawn anew and is held against five windows. Then one
feature of the twelve is shifted by a quarter, a half and one standard deviation, the others stay as they are.

Service metrics: unchanged weeks of the helios simulator with its usual anomalies, in windows of an hour (12 rows). A
reference of four weeks, and later weeks of the same service: once the five metrics, once the twelve features of a plan that
was fitted on four weeks before the reference. Four services.

`false_alarm_rate` is the share of windows in which anything was said to have drifted, the worst over all cells;
`power_half_sigma` the share found of shifts by half a standard deviation, the mean over the made cells. A method with
more false alarms than the 5 % that are asked for has bought its power with them.

`telltale` is `monitor.drift.decide.compare` with its defaults. `fixed_psi_01` and `fixed_psi_03` alarm where any feature's PSI (ten
bins, quantiles of the reference, floor 1e-4) is above 0.1 or 0.3; `ks` where any feature's two-sample
Kolmogorov-Smirnov test has p < 0.05. Variant `ks_effective`: that test on our summaries, with our effective sizes, divided
by the number of features.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.results import Figures, Result, Row, Table, as_document
from telltale.apps.helios import ANOMALY, APP
from telltale.apps.helios.features import NAMED, derive_plan
from telltale.contract.simulation import Simulation
from telltale.features.frame import feature_matrix
from telltale.features.summaries.stream import StreamSummary, summarise_reference
from telltale.monitor.drift.decide import Drift, compare
from telltale.monitor.drift.statistics import PSI_FLOOR
from telltale.telemetry.frames import TIME
from telltale.train.sources import check_simulated

Floats = NDArray[np.float64]

LEVEL: Final = 0.05
N_FEATURES: Final = 12
SHIFTS: Final = {"quarter": 0.25, "half": 0.5, "one": 1.0}
_OURS, _KS_EFFECTIVE = "telltale", "ks_effective"
_METHODS = (_OURS, "fixed_psi_01", "fixed_psi_03", "ks", _KS_EFFECTIVE)
_NAMES = tuple(f"f{i}" for i in range(N_FEATURES))
_WINDOWS_A_REFERENCE = 5
_WARM_UP = 200
_HOUR_ROWS = 12
_WEEK_ROWS = 2_016


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One case: `ar` is the coefficient; None for helios, whose `n` is an hour's rows. `windows` unchanged ones."""

    name: str
    windows: int
    shifted: int = 0
    n: int = _HOUR_ROWS
    n_reference: int = 5_000
    ar: float | None = None
    seed: int = 0


@dataclass(kw_only=True)
class Tally:
    """Alarms of a cell, by method."""

    windows: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    shifted: int = 0
    found: dict[tuple[str, str], int] = field(default_factory=dict)
    seconds: float = 0.0
    n_effective: float = 0.0

    def add(self, said: Mapping[str, bool]) -> None:
        """An unchanged window."""
        self.windows += 1
        for method, alarm in said.items():
            self.alarms[method] = self.alarms.get(method, 0) + alarm

    def add_shifted(self, shift: str, said: Mapping[str, bool]) -> None:
        """A shifted one."""
        for method, alarm in said.items():
            self.found[method, shift] = self.found.get((method, shift), 0) + alarm


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    cells = cells_of(quick=quick)
    tallies: dict[str, Tally] = {}
    # Not forked: a thread of Polars may hold a lock at that moment, for ever.
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        for cell, tally in zip(cells, pool.map(_measure, cells), strict=True):
            progress(f"{cell.name}: {tally.alarms[_OURS] / tally.windows:.3f} of {tally.windows:,} windows alarm")
            tallies[cell.name] = tally
    rows = [_row(method, tallies) for method in _METHODS]
    return as_document(
        Result(
            benchmark="drift",
            data="simulated",
            cases=len(cells),
            rows=tuple(row for row in rows if row.name != _KS_EFFECTIVE),
            variants=tuple(row for row in rows if row.name == _KS_EFFECTIVE),
            tables=(_table(tallies),),
            facts={
                "windows a cell": f"{cells[0].windows:,}",
                "shifted windows a cell": f"{cells[0].shifted:,}",
                "reference": f"{cells[0].n_reference:,} rows",
                "level": f"{LEVEL:g}",
                **describe_machine("numpy", "scipy"),
            },
            notes=_notes(rows, cells[0].windows),
        )
    )


def cells_of(*, quick: bool) -> list[Cell]:
    """Largest first, so that no core waits for the last one."""
    windows, shifted = (40, 20) if quick else (2_000, 500)
    sizes, memories = ((200, 50), (0.0, 0.9)) if quick else ((5_000, 1_000, 200, 50), (0.0, 0.5, 0.9))
    made = [
        Cell(name=f"n {n}, AR {ar:g}", windows=windows, shifted=shifted, n=n, ar=ar, seed=seed)
        for seed, (n, ar) in enumerate((n, ar) for n in sizes for ar in memories)
    ]
    return [
        *made,
        Cell(name="helios hours, metrics", windows=windows),
        Cell(name="helios hours, features", windows=windows),
    ]


def _measure(cell: Cell) -> Tally:
    return _helios(cell) if cell.ar is None else _made(cell)


def _made(cell: Cell) -> Tally:
    assert cell.ar is not None
    rng = np.random.default_rng([2_026, cell.seed])
    tally = Tally(shifted=cell.shifted)
    while tally.windows < cell.windows:
        held = _Held(_NAMES, autoregressive(rng, cell.n_reference, cell.ar))
        for _ in range(_WINDOWS_A_REFERENCE):
            values = autoregressive(rng, cell.n, cell.ar)
            for shift, size in SHIFTS.items() if tally.windows < cell.shifted else ():
                moved = values.copy()
                moved[:, 0] += size
                held.forget()
                tally.add_shifted(shift, held.said(moved, Tally()))
            held.forget()
            tally.add(held.said(values, tally))
    return tally


def autoregressive(rng: np.random.Generator, n: int, coefficient: float) -> Floats:
    """A stationary Gaussian series per feature, variance 1, shape (n, 12)."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal((n + _WARM_UP, N_FEATURES))
    series: Floats = lfilter([np.sqrt(1 - coefficient**2)], [1, -coefficient], shocks, axis=0)
    return np.ascontiguousarray(series[_WARM_UP:])


def _helios(cell: Cell) -> Tally:
    tally = Tally()
    n_services = 1 if cell.windows < 500 else 4
    of_service = -(-cell.windows // n_services)
    for seed in range(n_services):
        days = 56.0 + 7.0 * -(-of_service * _HOUR_ROWS // _WEEK_ROWS)
        frame = check_simulated(APP, ANOMALY.event, Simulation(days=days, seed=seed)).frame
        values, names = frame.select(NAMED).to_numpy().astype(np.float64), NAMED
        if cell.name.endswith("features"):
            plan = derive_plan(frame.head(4 * _WEEK_ROWS), NAMED)
            values, names = feature_matrix(plan, frame).astype(np.float64), plan.features
        times_s = frame[TIME].dt.epoch("us").to_numpy() / 1e6
        kept, first = slice(4 * _WEEK_ROWS, 8 * _WEEK_ROWS), 8 * _WEEK_ROWS
        held = _Held(names, values[kept], times_s[kept])
        for start in range(first, min(first + of_service * _HOUR_ROWS, frame.height - _HOUR_ROWS + 1), _HOUR_ROWS):
            rows = slice(start, start + _HOUR_ROWS)
            tally.add(held.said(values[rows], tally, times_s=times_s[rows]))
    return tally


class _Held:
    """A reference, ready to have windows of a stream held against it by every method."""

    def __init__(self, names: Sequence[str], values: Floats, times_s: Floats | None = None) -> None:
        self._reference = summarise_reference(names, values, times_s=times_s)
        self._peers = _Peers(values)
        self._stream = StreamSummary(self._reference.layout)

    def forget(self) -> None:
        """The next window is of another stream: its rows do not follow those before."""
        self._stream = StreamSummary(self._reference.layout)

    def said(self, values: Floats, tally: Tally, *, times_s: Floats | None = None) -> dict[str, bool]:
        """Which methods alarm on a window."""
        started = time.perf_counter()
        self._stream.add(values, times_s=times_s)
        found = compare(self._reference, self._stream.take(), level=LEVEL)
        tally.seconds += time.perf_counter() - started
        assert found.drifted is not None, found.why
        tally.n_effective = found.features[0].n_effective or 0.0
        return {_OURS: found.drifted, _KS_EFFECTIVE: _ks_effective(found), **self._peers.alarms(values)}


def _ks_effective(found: Drift) -> bool:
    from scipy.special import kolmogorov

    limit = LEVEL / len(found.features)
    for one in found.features:
        if one.ks is None or one.n_effective is None or one.n_reference_effective is None:
            continue
        rows = one.n_effective * one.n_reference_effective / (one.n_effective + one.n_reference_effective)
        if kolmogorov(np.sqrt(rows) * one.ks) < limit:
            return True
    return False


class _Peers:
    """The plain methods, on rows."""

    def __init__(self, reference: Floats) -> None:
        self._sorted = np.sort(reference, axis=0)
        self._edges = np.quantile(reference, np.arange(0.1, 0.95, 0.1), axis=0)
        self._shares = [self._binned(reference[:, column], column) for column in range(reference.shape[1])]

    def _binned(self, values: Floats, column: int) -> Floats:
        counts = np.bincount(np.searchsorted(self._edges[:, column], values, side="right"), minlength=10)
        return np.maximum(counts / len(values), PSI_FLOOR)

    def alarms(self, values: Floats) -> dict[str, bool]:
        from scipy.special import kolmogorov

        n, m = len(values), len(self._sorted)
        steps = np.arange(n + 1) / n
        psi, p = 0.0, 1.0
        for column in range(values.shape[1]):
            kept, now = self._shares[column], self._binned(values[:, column], column)
            psi = max(psi, float(((now - kept) * np.log(now / kept)).sum()))
            ordered = np.sort(values[:, column])
            # Of equal values, all count: both steps are read behind the last of them.
            below = np.searchsorted(self._sorted[:, column], ordered, side="left") / m
            up_to = np.searchsorted(self._sorted[:, column], ordered, side="right") / m
            own_below = steps[np.searchsorted(ordered, ordered, side="left")]
            own_up_to = steps[np.searchsorted(ordered, ordered, side="right")]
            far = max(float(np.abs(below - own_below).max()), float(np.abs(up_to - own_up_to).max()))
            p = min(p, float(kolmogorov(np.sqrt(n * m / (n + m)) * far)))
        return {"fixed_psi_01": psi > 0.1, "fixed_psi_03": psi > 0.3, "ks": p < LEVEL}


def _row(method: str, tallies: Mapping[str, Tally]) -> Row:
    by_case: dict[str, Figures] = {}
    for name, tally in tallies.items():
        by_case[name] = {"false_alarm_rate": tally.alarms[method] / tally.windows}
        for shift in SHIFTS:
            if tally.shifted:
                by_case[name][f"power_{shift}_sigma"] = tally.found[method, shift] / tally.shifted
        if method == _OURS:
            by_case[name]["ms_per_window"] = tally.seconds / tally.windows * 1e3
    metrics: Figures = {"false_alarm_rate": max(found["false_alarm_rate"] or 0.0 for found in by_case.values())}
    for shift in ("half", "quarter", "one"):
        metrics[f"power_{shift}_sigma"] = _mean(by_case, f"power_{shift}_sigma")
    metrics["false_alarm_rate_mean"] = _mean(by_case, "false_alarm_rate")
    seconds = sum(tally.seconds for tally in tallies.values()) if method == _OURS else None
    return Row(name=method, ours=method == _OURS, metrics=metrics, by_case=by_case, seconds=seconds)


def _mean(by_case: Mapping[str, Figures], metric: str) -> float | None:
    known = [value for found in by_case.values() if (value := found.get(metric)) is not None]
    return float(np.mean(known)) if known else None


def _table(tallies: Mapping[str, Tally]) -> Table:
    def cells() -> Iterator[tuple[str | float | None, ...]]:
        for name, tally in tallies.items():
            rates = [round(tally.alarms[method] / tally.windows, 4) for method in _METHODS]
            power = [round(tally.found[_OURS, shift] / tally.shifted, 3) if tally.shifted else None for shift in SHIFTS]
            yield (name, round(tally.n_effective, 1), *rates, *power)

    columns = ("cell", "effective n", *_METHODS, *(f"found {size:g} sd" for size in SHIFTS.values()))
    return Table(title="False alarms by method, and what ours finds", columns=columns, rows=tuple(cells()))


def _notes(rows: list[Row], windows: int) -> tuple[str, ...]:
    worst = rows[0].metrics["false_alarm_rate"] or 0.0
    case = max(rows[0].by_case, key=lambda name: rows[0].by_case[name]["false_alarm_rate"] or 0.0)
    noise = np.sqrt(LEVEL * (1 - LEVEL) / windows)
    allowed = f"Asked for: 5 % at most, 7 % allowed; ours is worst in `{case}`, {worst:.3f}."
    return (
        f"{allowed} The standard error of a rate over {windows:,} windows is {noise:.3f}; more where they share a reference.",
        "Where we lose: n 50 at AR 0.9 is worth three independent rows, and hardly a shift is found in it.",
        "Methods that find it there alarm about as often without one.",
    )
