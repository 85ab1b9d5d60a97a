"""Columns of text in a plan: blocks for `PlanDraft`. A column without a text in training is passed over."""

from typing import Final

import numpy as np
import polars as pl

from telltale.contract.plan import TextStatistic, TextSurprise
from telltale.features.derive import PlanDraft
from telltale.features.tails import fixed_deviation
from telltale.features.text import Form, TextStat
from telltale.features.text import text_statistic as read_statistic
from telltale.features.text_grams import document_counts, grams, write_table
from telltale.features.text_odds import fit_text_odds
from telltale.telemetry.frames import LABEL

# An n-gram counts as rare from one text in so many (two to the power of) on: what rarer ones there are in honest texts,
# such as a name's, would drown one that no text has.
_RARE_BITS: Final = 8.0
# What no normal text has counts at least so much, also where texts are few.
_LEAST_UNSEEN_BITS: Final = 4.0
# No more texts than this are counted: a bin that some thousands have not does not fill later.
_MOST_TEXTS: Final = 50_000
_USUAL: Final = 0.99
_LEAST_BITS: Final = 0.3
_SPREAD_SHARE: Final = 0.25
# Fewer rows labelled positive than this say too little of their texts.
_LEAST_POSITIVES: Final = 30


def has_text(draft: PlanDraft, column: str) -> bool:
    """Whether normal rows have texts there."""
    return column in draft.columns and draft.frame[column].null_count() < draft.frame.height


def text_statistic(draft: PlanDraft, column: str, stat: TextStat) -> str:
    """One figure of a text: `{column}_{stat}`; the middle one of normal texts where there is none."""
    out = draft.free(f"{column}_{stat}")
    texts = draft.frame[column].drop_nulls().to_list()
    middle = float(np.median([read_statistic(text, stat, 0.0) for text in texts])) if stat != "checksum" else 0.0
    draft.add(TextStatistic(out=out, column=column, stat=stat, otherwise=middle))
    return out


def text_surprise(draft: PlanDraft, column: str, *, form: Form, size: int, by_parameter: bool = False) -> str:
    """How rare the n-grams of a text are in normal texts, as a distance from what is usual: `{column}_surprise_deviation`.

    What one text alone has is as good as unseen: else a text of the training rows would know its own. Most normal texts have
    nothing rare, and a spread of what they have would be none: a distance counts in bits, from the level that one normal
    text in a hundred is above.
    """
    texts = draft.frame[column].drop_nulls().unique(maintain_order=True)[:_MOST_TEXTS].to_list()
    counts = document_counts(texts, lambda text: grams(text, form=form, size=size, by_parameter=by_parameter))
    seen = np.where(counts <= 1, 0, counts)
    bits = np.log2((len(texts) + 1) / (seen + 0.5)) - _RARE_BITS
    table = write_table(np.maximum(bits, np.where(seen == 0, _LEAST_UNSEEN_BITS, 0.0)))
    out = draft.free(f"{column}_surprise")
    draft.add(
        TextSurprise(
            out=out, column=column, form=form, size=size, by_parameter=by_parameter, table=table, otherwise=0.0
        )
    )
    usual = float(draft.frame[out].quantile(_USUAL) or 0.0)
    return fixed_deviation(draft, out, looked_at=out, level=usual, spread=max(_LEAST_BITS, usual * _SPREAD_SHARE))


def add_text_odds(draft: PlanDraft, frame: pl.DataFrame, columns: tuple[str, ...], *, out: str) -> tuple[str, ...]:
    """Log odds of the event by the texts of labelled rows: (`out`,), or () where too few rows are labelled or have texts.

    Args:
        draft: the plan being built, which holds no positive rows.
        frame: the training rows with their labels.
        columns: of text.
        out: the column that is written.
    """
    if not columns or LABEL not in frame.columns:
        return ()
    known = frame.filter(pl.col(LABEL).is_not_null()).select(*columns, LABEL)
    if int((known[LABEL] == 1).sum()) < _LEAST_POSITIVES:
        return ()
    step = fit_text_odds(
        draft.free(out), columns, known.select(columns).rows(), known[LABEL].to_numpy().astype(np.int8)
    )
    if step is None:
        return ()
    draft.add(step)
    return (step.out,)
