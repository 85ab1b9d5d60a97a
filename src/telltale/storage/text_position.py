"""Where a text stands in a column: exact to the letter, which LIKE is not on SQLite."""

from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class position_of(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """From 1 on; 0 where it does not stand there. Args: the column, the text."""

    type = Integer()
    inherit_cache = True


@compiles(position_of)
def _position(element: "ColumnElement[int]", compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(position_of, "postgresql")
def _position_of_postgresql(element: "ColumnElement[int]", compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"
