"""Which items next: ours, popularity, neighbours, EASE, SLIM and iALS, over the full catalogue.

`--data` is a folder of one set, told by its columns:

- ratings (MovieLens): every rating is a film taken, whatever its stars; genres are given as tags. Three cases `random 0..2`: a fifth of
  each user's items, drawn by that seed, is left out. And `time`: the last fifth of all rows, of the few who have rows before; its figures
  have the suffix `_time`.
- orders (Online Retail): lines of customers without cancellations. The last six weeks, of customers who bought before. `ndcg_10` and
  `recall_20` are of lists that may hold what a customer had before (`include_seen`), as is `ndcg_10_repeat`, by what they bought again;
  `ndcg_10_new` is of lists of new items, by what was new to them.
- visits (RetailRocket): pairs without an order in time; one random case.

Without `--data` it is a simulated shop, its last fifth. With `--test` all of `--data` is trained on, and the test's rows of known users are
wanted; of each other user a fifth of the rows is wanted (the last where items are taken again, else drawn), the rest is told as
what they have had since (`had`), without training.

NDCG is the usual one: its ideal is that of the first ten places. In `ndcg_10_all` the ideal is that of all items wanted, as in the
tables of Ferrari Dacrema et al. (TOIS 2021), which gives lower figures. Nothing is sampled.

Ours is a version of `storefront/recommend` made by `train_version` with the task's defaults, and asked one question at a time.
Baselines are tuned over the grids of `recommend_baselines.GRIDS`, one parameter after another, twice through, by NDCG at 10 on rows left
out of training by the rule, the seed and the users that ours chooses by, and then fitted on all. `own_frequency` breaks ties by popularity of the last thirty days, and goes
on with it. Intervals are of users resampled, both methods together.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import BENCHMARKS, Progress
from benchmarks.machine import describe_machine
from benchmarks.paired import interval_of_mean
from benchmarks.recommend_baselines import baselines
from benchmarks.recommend_cases import Case, read_cases
from benchmarks.recommend_ours import Lists, train
from benchmarks.results import Comparison, Figures, Result, Row, as_document
from telltale.evaluate.rank_metrics import figures_by_user

_SPEC = BENCHMARKS["recommend"]
_OURS: Final = "telltale"
_PLAIN: Final = ("ndcg_10", "recall_20", "ndcg_10_all")

ByUser = dict[str, NDArray[np.float64]]  # by metric, each user's own; NaN where it is not defined


def run(*, quick: bool, progress: Progress, data: Path | None = None, test: Path | None = None) -> dict[str, Any]:
    figures: dict[str, dict[str, ByUser]] = {}
    seconds: dict[str, float] = {}
    facts: dict[str, str] = {}
    own: dict[str, list[float]] = {"train_s": [], "us_per_answer": [], "bundle_mb": []}
    cases = read_cases(data, test, quick=quick)
    for case in cases:
        progress(f"{case.name}: training on {len(case.frame):,} rows; {len(case.questions):,} to ask for")
        ours = train(case)
        lists = ours.answer(case)
        own["train_s"].append(ours.train_seconds)
        own["us_per_answer"].append(1e6 * lists.seconds / max(1, len(case.questions)))
        own["bundle_mb"].append(ours.bundle_bytes / 2**20)
        figures.setdefault(_OURS, {})[case.name] = _by_user(case, lists)
        seconds[_OURS] = seconds.get(_OURS, 0.0) + ours.train_seconds + lists.seconds
        facts[f"{case.name}: ours"] = " ".join(ours.told)
        made, ask = baselines(case, quick=quick, progress=progress)
        for one in made:
            started = time.perf_counter()
            figures.setdefault(one.name, {})[case.name] = _by_user(case, ask(one.score))
            seconds[one.name] = seconds.get(one.name, 0.0) + one.seconds + time.perf_counter() - started
            if one.chosen:
                facts[f"{case.name}: {one.name}"] = one.chosen
    rows = [_row(name, figures[name], seconds[name]) for name in figures]
    more: Figures = {name: float(np.mean(values)) for name, values in own.items()}
    rows[0].metrics.update(more)
    return as_document(
        Result(
            benchmark="recommend",
            data=str(data) if data else "simulated",
            cases=len(cases),
            rows=tuple(rows),
            comparisons=_comparisons(figures, rows),
            facts={
                **{f"asked for in {case.name}": f"{len(case.questions):,} users" for case in cases},
                **facts,
                **describe_machine("telltale-loop", "numpy", "scipy"),
            },
            notes=_notes(figures, rows),
        )
    )


def _by_user(case: Case, lists: Lists) -> ByUser:
    """Every figure of every user of a case, by its name in the result."""
    wanted = [question.wanted for question in case.questions]
    if not case.again:
        found = _figures(lists.new, wanted)
        return {f"{name}{case.suffix}": found[name] for name in _PLAIN}
    had = [frozenset(question.past) for question in case.questions]
    every = _figures(lists.any, wanted)
    repeat = _figures(lists.any, [items & own for items, own in zip(wanted, had, strict=True)])
    new = _figures(lists.new, [items - own for items, own in zip(wanted, had, strict=True)])
    apart = {"ndcg_10_repeat": repeat["ndcg_10"], "ndcg_10_new": new["ndcg_10"], "recall_20_new": new["recall_20"]}
    return {**{name: every[name] for name in _PLAIN}, **apart}


def _figures(lists: Sequence[tuple[str, ...]], wanted: Sequence[frozenset[str]]) -> ByUser:
    """Of those who wanted something; NaN for the others."""
    there = [place for place, items in enumerate(wanted) if items]
    hits = [np.array([item in wanted[place] for item in lists[place]], dtype=np.bool_) for place in there]
    found = figures_by_user(hits, [len(wanted[place]) for place in there])
    made = {name: np.full(len(wanted), np.nan) for name in found}
    for name, values in found.items():
        made[name][there] = values
    return made


def _row(name: str, by_case: Mapping[str, ByUser], seconds: float) -> Row:
    """Means over users, then over the cases that have the figure; each case's own with its interval."""
    cases: dict[str, Figures] = {}
    for case, found in by_case.items():
        cases[case] = {}
        for metric, values in found.items():
            known = values[~np.isnan(values)]
            low, high = interval_of_mean(known) if len(known) else (None, None)
            cases[case] |= {
                metric: float(known.mean()) if len(known) else None,
                f"{metric}_low": low,
                f"{metric}_high": high,
            }
    metrics: Figures = {}
    for metric in dict.fromkeys(metric for found in by_case.values() for metric in found):
        values_of = [value for one in cases.values() if (value := one.get(metric)) is not None]
        metrics[metric] = float(np.mean(values_of)) if values_of else None
    return Row(name=name, ours=name == _OURS, metrics=metrics, by_case=cases, seconds=seconds)


def _comparisons(figures: Mapping[str, dict[str, ByUser]], rows: Sequence[Row]) -> tuple[Comparison, ...]:
    """Ours less the best baseline in each metric, by user."""
    found = []
    for metric, own in rows[0].metrics.items():
        known = [(value, row.name) for row in rows[1:] if (value := row.metrics.get(metric)) is not None]
        if own is None or not known:
            continue
        best = max(known)[1]
        differences = _differences(figures, metric, best)
        low, high = interval_of_mean(differences)
        found.append(
            Comparison(
                metric=metric,
                baseline=best,
                difference=float(differences.mean()),
                low=low,
                high=high,
                n_cases=len(differences),
            )
        )
    return tuple(found)


def _differences(figures: Mapping[str, dict[str, ByUser]], metric: str, baseline: str) -> NDArray[np.float64]:
    """Of each user, the mean over the cases that have the metric: a user of three random splits counts once."""
    parts = [
        found[metric] - figures[baseline][case][metric] for case, found in figures[_OURS].items() if metric in found
    ]
    n = max(map(len, parts))
    table = np.full((len(parts), n), np.nan)
    for line, part in zip(table, parts, strict=True):
        line[: len(part)] = part
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    return np.asarray(np.where(known, table, 0.0).sum(axis=0)[counts > 0] / counts[counts > 0])


def _notes(figures: Mapping[str, dict[str, ByUser]], rows: Sequence[Row]) -> tuple[str, ...]:
    """By how much ours is above each tuned model, in per cent of it, with the interval."""
    notes = []
    for metric in (
        name for name in ("ndcg_10", "ndcg_10_time", "ndcg_10_repeat", "ndcg_10_new") if name in rows[0].metrics
    ):
        said = []
        for row in rows[1:]:
            differences = _differences(figures, metric, row.name)
            value = row.metrics[metric]
            if not value or not len(differences):
                continue
            low, high = interval_of_mean(differences)
            said.append(f"{row.name} {differences.mean() / value:+.1%} ({low / value:+.1%} to {high / value:+.1%})")
        notes.append(f"{metric}, ours over each: {'; '.join(said)}.")
    return (*notes, "Intervals resample users, each the mean over the cases, and not the splits.")
