"""What the models of storefront see of a request and of a customer's month."""

import polars as pl

from telltale.contract.plan import Log, Plan
from telltale.features.derive import PlanDraft

_COUNTS = ("login_count", "purchase_count", "cart_count", "favorite_count")


def derive_request_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """How far a request's time, size and errors are from what is usual at that hour, singly and together.

    Only more of each is strange. A request is looked at by itself, since the shop may ask about one without its client.
    """
    draft = PlanDraft(frame, columns)
    distances = tuple(
        draft.deviation(name, only_more=True) for name in ("response_time", "request_size", "error_count")
    )
    return draft.finish(
        *distances,
        draft.largest("largest_deviation", distances),
        draft.norm("all_deviations", distances),
        sequence=sequence,
    )


def derive_activity_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """The logarithm of each count: between 1 and 10 purchases lies as much as between 10 and 100."""
    del frame, columns
    steps = tuple(Log(out=f"{name}_log", column=name, scale=1.0) for name in _COUNTS)
    features = tuple(step.out for step in steps)
    return Plan(
        columns=_COUNTS, steps=steps, features=features, explained=(), history=0, interval_s=0.0, sequence=sequence
    )
