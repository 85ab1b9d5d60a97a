"""What the models of storefront see of a customer's month."""

import polars as pl

from telltale.contract.plan import Log, Plan

_COUNTS = ("login_count", "purchase_count", "cart_count", "favorite_count")


def derive_activity_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """The logarithm of each count: between 1 and 10 purchases lies as much as between 10 and 100."""
    del frame, columns
    steps = tuple(Log(out=f"{name}_log", column=name, scale=1.0) for name in _COUNTS)
    features = tuple(step.out for step in steps)
    return Plan(
        columns=_COUNTS, steps=steps, features=features, explained=(), history=0, interval_s=0.0, sequence=sequence
    )
