"""What live rows are to be like: the measured columns and the score, from the rows a version was trained and judged on."""

from typing import Final

import numpy as np
import polars as pl

from telltale.contract.estimator import Scores
from telltale.features.summaries.stream import Reference, summarise_reference, without_missing
from telltale.models.runtimes import LoadedRuntime
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.fitted import LeftOut

# What a row scores with the rows before it at hand, and without: the two are told apart, since a client that sends rows
# one by one has other scores than one whose rows are stored.
SCORE: Final = "score"
SCORE_ALONE: Final = "score of a row alone"
# Not every row has both, or either.
SCORES: Final = (SCORE, SCORE_ALONE)
_LEAST_ROWS: Final = 20
# With fewer rows kept back, what the models without a fold score says more than they do.
_LEAST_HELD_OUT: Final = 200


def drift_reference(
    runtime: LoadedRuntime, train: pl.DataFrame, held_out: pl.DataFrame, *, left_out: LeftOut | None
) -> Reference | None:
    """The reference of a version; None for kinds without measured columns, and where there are too few rows.

    Scores are of held-out rows, by the version itself. Where those are too few, training rows stand in with scores by
    models that were fitted without their fold: those have not seen the row either, but they are other models, and what
    they score lies elsewhere. Only where there is neither do fitted rows count.

    Args:
        runtime: of the version.
        train: the rows it was fitted on.
        held_out: those it was judged on and not fitted on; may be empty.
        left_out: scores of `train`, row for row.
    """
    plan = runtime.manifest.plan
    if plan is None or train.height + held_out.height < _LEAST_ROWS:
        return None
    names = tuple(name for name in plan.columns if name not in plan.text)
    wanted = [ENTITY, TIME, LINE, *plan.columns]  # texts too: without them rows cannot be scored
    parts = [train.select(wanted)] if held_out.is_empty() else [train.select(wanted), held_out.select(wanted)]
    if isinstance(runtime, ScoreRuntime):
        names = (*names, *(SCORES if plan.reach else (SCORE,)))
        is_judged = held_out.height >= _LEAST_HELD_OUT
        known = _nothing(train.height) if is_judged else left_out or _scores(runtime, train)
        parts = [_with(part, known if place == 0 else _scores(runtime, part)) for place, part in enumerate(parts)]
    rows = sort_checked(pl.concat(parts, how="vertical"))
    has_times = rows[TIME].null_count() == 0
    reference = summarise_reference(
        names,
        rows.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in names).to_numpy(),
        times_s=rows[TIME].dt.epoch("us").to_numpy() / 1e6 if has_times else None,
        entities=rows[ENTITY].to_list(),
    )
    layout = reference.layout
    return Reference(layout=layout, summary=without_missing(reference.summary, layout, SCORES))


def _scores(runtime: ScoreRuntime, frame: pl.DataFrame) -> LeftOut:
    whole = runtime.score_frame(frame)
    return LeftOut(whole=whole, alone=runtime.score_frame(frame, alone=True) if runtime.history else whole)


def _nothing(n: int) -> LeftOut:
    nothing: Scores = np.full(n, np.nan)
    return LeftOut(whole=nothing, alone=nothing)


def _with(frame: pl.DataFrame, scores: LeftOut) -> pl.DataFrame:
    return frame.with_columns(pl.Series(SCORE, scores.whole), pl.Series(SCORE_ALONE, scores.alone))
