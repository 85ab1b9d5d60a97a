"""What the model of `averages` sees: the five numbers as they are."""

import polars as pl

from telltale.apps.personhood.schema import FIVE
from telltale.contract.plan import Plan


def derive_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:  # noqa: ARG001 - nothing is fitted
    """The five as they are: whoever asks has one session, and no history of who it is said to be."""
    return Plan(columns=FIVE, steps=(), features=FIVE, explained=(), history=0, interval_s=0.0, sequence=sequence)
