"""Driver queries as PostgreSQL's driver takes them: they are written once, as SQLite takes them.

What is turned round is how parameters are marked, and what only SQLite's planner reads (`INDEXED BY`, a `CROSS JOIN` that
keeps its order, a unary plus that keeps an index away). Anything else a query must say in words that both know; the few
that cannot are written twice, and chosen by `Database.dialect`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

# Texts, quoted names and casts are passed over; then the marks of parameters, and percent signs, which the driver would read.
_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|::|\?(\d*)|:([a-z_]\w*)|%""")
_HINTS: Final = (
    (re.compile(r"\bNOT INDEXED\b|\bINDEXED BY \w+"), ""),
    (re.compile(r"\bCROSS JOIN\b(?=[^()]*?\bON\b)"), "JOIN"),
    (re.compile(r"(?<=[\s(])\+(?=[a-z_]+\b)"), ""),
)

Parameters = Sequence[Any] | Mapping[str, Any]


def postgresql_sql(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
    """A query and its parameters for psycopg.

    >>> postgresql_sql('SELECT "a?" FROM t WHERE b = ? AND +c > ?', (1, 2))
    ('SELECT "a?" FROM t WHERE b = %s AND c > %s', (1, 2))
    >>> postgresql_sql("SELECT ?1, ?2, ?1", (3, 4))
    ('SELECT %(p1)s, %(p2)s, %(p1)s', {'p1': 3, 'p2': 4})
    >>> postgresql_sql("SELECT :low", {"low": 5})
    ('SELECT %(low)s', {'low': 5})
    """
    told, is_numbered = _translated(sql)
    if is_numbered and not isinstance(parameters, Mapping):
        return told, {f"p{place}": value for place, value in enumerate(parameters, start=1)}
    return told, parameters


@lru_cache(maxsize=512)
def _translated(sql: str) -> tuple[str, bool]:
    is_numbered = False

    def turned(found: re.Match[str]) -> str:
        nonlocal is_numbered
        text = found.group()
        if text == "%":
            return "%%"
        if text.startswith("?"):
            is_numbered = is_numbered or bool(found.group(1))
            return f"%(p{found.group(1)})s" if found.group(1) else "%s"
        if found.group(2):
            return f"%({found.group(2)})s"
        return text.replace("%", "%%")

    for pattern, instead in _HINTS:
        sql = pattern.sub(instead, sql)
    return _TOKEN.sub(turned, sql), is_numbered
