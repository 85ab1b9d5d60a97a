"""A plan for columns that nobody has named: what each one does in a short window, against its own level."""

from typing import Final

import polars as pl

from telltale.contract.plan import Plan
from telltale.features.derive import PlanDraft

# Rows that a mean is of, and the spreads beside it: rows and not seconds, since a file need not have times. Found over half
# of the machines of two public sets, one of a row a minute and one of a row per five minutes; longer ones did better on the
# first and worse on the second.
_MEAN_ROWS: Final = 5
_SPREAD_ROWS: Final = (5, 15)
# Of one column alone: the change against, and the median of, so many rows.
_ALONE_ROWS: Final = 6


def derive_generic(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """A plan for any numeric columns: how far each one is from its level now, and in the mean of a few rows; how much it moves.

    It moves over a short window and over a longer one. What several columns do together is left to the model. A column that
    is alone has its change and its recent median instead.

    With `sequence` above 1 the model sees the rows before for itself, and gets the distances alone; of a column that is alone
    the values as they are: the distance from a level that was fitted on a short history costs models of windows more than half
    of what they find.
    """
    draft = PlanDraft(frame, columns)
    deviations = tuple(draft.deviation(column) for column in columns)
    if sequence > 1:
        return draft.finish(*([draft.bounded(columns[0])] if len(columns) == 1 else deviations), sequence=sequence)
    if len(columns) == 1:
        (only,) = deviations
        return draft.finish(only, draft.change(only, window=_ALONE_ROWS), draft.rolling(only, window=_ALONE_ROWS))
    means = (draft.rolling(name, window=_MEAN_ROWS, stat="mean") for name in deviations)
    spreads = (draft.rolling(name, window=n_rows, stat="std") for n_rows in _SPREAD_ROWS for name in deviations)
    return draft.finish(*deviations, *means, *spreads)
