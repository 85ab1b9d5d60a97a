"""What an event looks like: columns, types, ranges, entity, event time."""

from typing import Literal

import msgspec

Dtype = Literal["float", "int", "str", "floats", "strs"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of an event.

    `low` and `high` are inclusive; None is no bound; in "floats" they hold for each value. "floats" and "strs" are lists
    (in a CSV file as JSON text). `allowed`, where it is not empty, lists the texts that a "str" or "strs" may hold.
    `unit` is for people and generated pages.
    """

    name: str
    dtype: Dtype = "float"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    nullable: bool = False
    allowed: tuple[str, ...] = ()


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole file of rows must be like before a version is trained on it.

    Args:
        least_rows: fewer good rows are too few.
        label_share: lowest and highest share of rows labelled 1, inclusive; None to ask nothing of labels.
    """

    least_rows: int = 0
    label_share: tuple[float, float] | None = None


class EventSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The declared shape of one event of an app.

    Args:
        name: the event, as in `app/event`.
        columns: the measured columns, without time, entity and label.
        time: name of the event-time column (ISO 8601, or epoch seconds; UTC inside).
        time_aliases: other names under which files carry it, tried in order.
        entity: name of the column that says whose row it is, or None; rows without it belong to the entity "".
        label: name of the label column (0/1), or None.
        label_aliases: other names under which files carry it.
        any_numeric: where none of `columns` is present, every other numeric column is taken as measured instead.
        more_numeric: beside `columns`, every other numeric column is measured too.
        lateness_s: how far time may go back within one file and entity before a row is quarantined.
        key: columns that, beside entity and time, tell one row from another (the items of one order).
        aligned: list columns that hold a value each for the same things, in one order: in a row all are equally long.
        demands: what a file must be like as a whole; `validate` says which demand is not met.
        forbidden: columns that could hold content; an event that has one is refused by name.
    """

    name: str
    columns: tuple[Column, ...]
    time: str = "timestamp"
    time_aliases: tuple[str, ...] = ()
    entity: str | None = None
    label: str | None = None
    label_aliases: tuple[str, ...] = ()
    any_numeric: bool = False
    more_numeric: bool = False
    lateness_s: float = 0.0
    key: tuple[str, ...] = ()
    aligned: tuple[str, ...] = ()
    demands: Demands | None = None
    forbidden: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The declared column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)
