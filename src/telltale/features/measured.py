"""A plan for models that read measured columns as they are: it tells how far each one is from its level, for people."""

import polars as pl

from telltale.contract.plan import Plan
from telltale.features.derive import PlanDraft


def derive_measured(frame: pl.DataFrame, columns: tuple[str, ...]) -> Plan:
    """Distances of numeric columns from the levels that they had at this hour: reasons, and what drift is watched by.

    No row before is looked at. Raises NotEnoughDataError, SchemaError.
    """
    draft = PlanDraft(frame, columns)
    return draft.finish(*(draft.deviation(column) for column in columns))
