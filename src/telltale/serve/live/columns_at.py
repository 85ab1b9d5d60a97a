"""Rows as they were read for one version, in the columns of another."""

from collections.abc import Sequence

from telltale.contract.answer import CheckedRow, Input

# Where a version's columns stand among those of the rows; None where they are the same.
ColumnsAt = tuple[int, ...] | None


def columns_at(own: Sequence[str], among: Sequence[str]) -> ColumnsAt:
    """Where columns stand among others, all of which are there.

    >>> columns_at(("b", "a"), ("a", "b")), columns_at(("a", "b"), ("a", "b"))
    ((1, 0), None)
    """
    return None if tuple(own) == tuple(among) else tuple(among.index(name) for name in own)


def row_at(row: CheckedRow, at: ColumnsAt) -> CheckedRow:
    """One row."""
    if at is None:
        return row
    values, time_s, entity, explain = row
    return tuple(values[place] for place in at), time_s, entity, explain


def window_at(item: Input, at: ColumnsAt) -> Input:
    """A window."""
    if at is None:
        return item
    rows = [tuple(row[place] for place in at) for row in item.rows]
    return Input(rows=rows, times=item.times, entity=item.entity, is_stored=item.is_stored)
