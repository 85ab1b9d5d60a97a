"""Figures of forecasts as the M4 competition counts them: sMAPE, MASE, and both over Naive2's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.results import Comparison, Figures, Row, defined
from benchmarks.trend_cases import Case, Floats, Group
from benchmarks.trend_ours import Said

_N_RESAMPLES, _SEED = 2_000, 0


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """One method on one group: arrays of one figure per series, in the group's order; `mase` is NaN where it is not defined.

    `naive2` is the same of Naive2, (sMAPE, MASE) by series; `inside` the share of values within the interval, or NaN.
    """

    group: Group
    smape: Floats
    mase: Floats
    naive2: tuple[Floats, Floats]
    inside: Floats
    seconds: float


Scores = list[GroupScores]


def scores_of(groups: Sequence[Group], said: Sequence[Said], naive2: Sequence[Said]) -> Scores:
    """Every series' figures, beside Naive2's."""
    made = []
    for group, own, plain in zip(groups, said, naive2, strict=True):
        smape, mase = _errors(group, own.values)
        inside = np.full(len(group.cases), np.nan)
        if own.low:
            bounds = zip(group.cases, own.low, own.high, strict=True)
            inside = np.array([((low <= case.truth) & (case.truth <= high)).mean() for case, low, high in bounds])
        made.append(
            GroupScores(
                group=group,
                smape=smape,
                mase=mase,
                naive2=_errors(group, plain.values),
                inside=inside,
                seconds=own.seconds,
            )
        )
    return made


def picked(scores: Scores, groups: Sequence[Group]) -> Scores:
    """The scores of those series alone."""
    made = []
    for own, group in zip(scores, groups, strict=True):
        wanted = {case.name for case in group.cases}
        places = np.array([place for place, case in enumerate(own.group.cases) if case.name in wanted])
        made.append(
            GroupScores(
                group=group,
                smape=own.smape[places],
                mase=own.mase[places],
                naive2=(own.naive2[0][places], own.naive2[1][places]),
                inside=own.inside[places],
                seconds=own.seconds * len(places) / len(own.smape),
            )
        )
    return made


def row_of(name: str, scores: Scores, *, ours: bool) -> Row:
    """A method's line: OWA of each set, and coverage where it gives intervals; by period under `by_case`."""
    sets = sorted({own.group.data_set for own in scores})
    metrics: Figures = {f"owa_{one}": defined(owa(_of_set(scores, one))) for one in sets}
    seconds = sum(own.seconds for own in scores)
    n = sum(len(own.smape) for own in scores)
    inside = np.concatenate([own.inside for own in scores])
    if np.isfinite(inside).all():
        metrics["coverage_95"] = float(inside.mean())
    metrics["series_per_s"] = defined(n / seconds) if seconds else None
    by_case: dict[str, Figures] = {}
    for own in scores:
        by_case[own.group.name] = {
            "n": len(own.smape),
            "owa": defined(owa([own])),
            "smape": float(own.smape.mean()),
            "mase": defined(float(np.nanmean(own.mase))),
            "coverage_95": defined(float(own.inside.mean())),
            "series_per_s": defined(len(own.smape) / own.seconds) if own.seconds else None,
        }
    return Row(name=name, ours=ours, metrics=metrics, by_case=by_case, seconds=seconds)


def owa(scores: Scores) -> float:
    """Overall weighted average: a ratio of means over all series, not a mean of ratios."""
    return float(_owa(_table(scores), np.ones((1, sum(len(own.smape) for own in scores))))[0])


def compare(ours: Scores, others: Mapping[str, Scores], *, suffix: str = "") -> tuple[Comparison, ...]:
    """Ours less the best baseline in each set's OWA; series are resampled, those of both methods and of Naive2 together."""
    rng = np.random.default_rng(_SEED)
    made = []
    for data_set in sorted({own.group.data_set for own in ours}):
        own = _of_set(ours, data_set)
        best = min(others, key=lambda name: owa(_of_set(others[name], data_set)))
        tables = [_table(own), _table(_of_set(others[best], data_set))]
        n = len(tables[0])
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES).astype(np.float64)
        drawn = _owa(tables[0], counts) - _owa(tables[1], counts)
        low, high = np.nanquantile(drawn, (0.025, 0.975)).tolist()
        whole = np.ones((1, n))
        difference = float((_owa(tables[0], whole) - _owa(tables[1], whole))[0])
        made.append(
            Comparison(
                metric=f"owa_{data_set}{suffix}", baseline=best, difference=difference, low=low, high=high, n_cases=n
            )
        )
    return tuple(made)


def _of_set(scores: Scores, data_set: str) -> Scores:
    return [own for own in scores if own.group.data_set == data_set]


def _table(scores: Scores) -> Floats:
    """Shape (series, 4): sMAPE and MASE, and Naive2's."""
    parts = [np.stack([own.smape, own.mase, *own.naive2], axis=1) for own in scores]
    return np.concatenate(parts)


def _owa(table: Floats, counts: Floats) -> Floats:
    """For each line of counts of the series. A series without MASE counts in sMAPE alone."""
    known = np.isfinite(table[:, 1])
    sums = counts @ table[:, [0, 2]]
    scaled = counts[:, known] @ table[known][:, [1, 3]]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(0.5 * (sums[:, 0] / sums[:, 1] + scaled[:, 0] / scaled[:, 1]))


def _errors(group: Group, values: Sequence[Floats]) -> tuple[Floats, Floats]:
    pairs = list(zip(group.cases, values, strict=True))
    return (
        np.array([_smape(case.truth, one) for case, one in pairs]),
        np.array([_mase(case, one, group.season) for case, one in pairs]),
    )


def _smape(truth: Floats, values: Floats) -> float:
    size = np.abs(truth) + np.abs(values)
    error = 200.0 * np.abs(truth - values)
    return float(np.divide(error, size, out=np.zeros(len(error)), where=size > 0).mean())


def _mase(case: Case, values: Floats, season: int) -> float:
    steps = np.abs(case.training[season:] - case.training[:-season])
    scale = float(steps.mean()) if len(steps) else 0.0
    return float(np.abs(case.truth - values).mean()) / scale if scale > 0 else float("nan")
