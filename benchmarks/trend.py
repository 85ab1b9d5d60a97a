"""How well series are continued: the M4 hourly and weekly ones, and those of M1, M3 and tourism.

`telltale` is a version of `storefront/trend` per set and period, trained with the task's defaults on the known part of the
series, the horizon apart, which is the competition's. `--best` adds `telltale_best`, the task's estimator `forecast_choice`:
several methods per series, weighed by how they would have continued it from earlier moments. Every series is continued from its own
past, and the widths of intervals follow from the known parts alone: nothing is learned from what is scored. So there is nothing
to fit on elsewhere; with `--test DIR` the series there are scored in place of those of `--data`.

OWA is the competition's: the mean of sMAPE over Naive2's and MASE over Naive2's, each a mean over all series of the set
(`by_case` has each period by itself); MASE counts in the seasonal naive method's errors in the known part, with the
period 24 of hourly, 12 of monthly, 4 of quarterly and 1 of other series. `coverage_95` is the share of values inside the
interval; `series_per_s` counts training as a whole, in processor time of
one core.

Constants of ours were chosen on known parts alone, the last horizon of each held out.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.catalogue import Progress
from benchmarks.machine import describe_machine
from benchmarks.results import BEST_ROW, Result, Row, as_document
from benchmarks.trend_baselines import auto_arima, auto_ets, naive2, plain, seasonal_naive, theta
from benchmarks.trend_cases import Group, read_groups, sample
from benchmarks.trend_made import made_groups
from benchmarks.trend_metrics import Scores, compare, picked, row_of, scores_of
from benchmarks.trend_ours import Said, ours
from telltale.contract.errors import UsageError

_N_SAMPLED, _N_QUICK, _N_SAMPLED_QUICK = 100, 24, 4
_SEED = 0
BEST = "forecast_choice"


def run(
    *, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None, best: bool = False
) -> dict[str, Any]:
    if test is not None and data is None:
        raise UsageError("--test without --data", where="trend", mend="Name the folder to fit on with --data.")
    folder = test or data
    groups = made_groups(seed=_SEED) if folder is None else read_groups(folder)
    if quick:
        groups = sample(groups, _N_QUICK, seed=_SEED)
    sampled = sample(groups, _N_SAMPLED_QUICK if quick else _N_SAMPLED, seed=_SEED)

    def score(name: str, of: list[Group], said: Callable[[list[Group]], list[Said]]) -> Row:
        progress(f"{name}: {sum(len(group.cases) for group in of)} series")
        found[name] = scores_of(of, said(of), plain(of, naive2))
        return row_of(name, found[name], ours=name in {"telltale", BEST_ROW})

    found: dict[str, Scores] = {}
    rows = [
        score("telltale", groups, ours),
        *(
            score(name, groups, lambda of, method=method: plain(of, method))  # type: ignore[misc]  # bound early
            for name, method in (("naive2", naive2), ("seasonal_naive", seasonal_naive), ("theta", theta))
        ),
        *(
            score(name, sampled, lambda of, method=method: plain(of, method))  # type: ignore[misc]  # bound early
            for name, method in (("auto_ets", auto_ets), ("auto_arima", auto_arima))
        ),
    ]
    if best:
        n_processes = len(os.sched_getaffinity(0))
        rows.append(score(BEST_ROW, groups, lambda of: ours(of, estimator=BEST, n_processes=n_processes)))
    variants = [
        row_of(f"{name}_sampled", picked(found[name], sampled), ours=False)
        for name in ("telltale", BEST_ROW)
        if name in found
    ]
    return as_document(
        Result(
            benchmark="trend",
            data=str(folder) if folder else "simulated",
            cases=sum(len(group.cases) for group in groups),
            rows=tuple(rows),
            variants=tuple(variants),
            comparisons=(
                *compare(found["telltale"], {name: found[name] for name in ("seasonal_naive", "theta")}),
                *compare(
                    picked(found["telltale"], sampled),
                    {name: found[name] for name in ("auto_ets", "auto_arima")},
                    suffix="_sampled",
                ),
            ),
            facts={
                **{group.name: f"{len(group.cases):,} series, {group.horizon} steps" for group in groups},
                "automatic ETS and ARIMA": f"on {sum(len(group.cases) for group in sampled)} series, drawn once",
                **describe_machine("telltale-loop", "statsforecast", "numpy"),
            },
            notes=(
                "OWA below 1 is better than Naive2; coverage_95 should be .95.",
                "auto_ets and auto_arima are of the sampled series alone; the variants have ours of the same ones.",
            ),
        )
    )
