"""Addresses of a Prometheus as a source: what is asked, over which span, and what names the entity.

`prometheus+http://HOST:9090?query=COLUMN=EXPRESSION&query=…&step=60s&since=7d&entity=LABEL`
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote, urlencode

from telltale.contract.errors import TelltaleError, UsageError
from telltale.telemetry.durations import duration, since
from telltale.telemetry.remote import checked_address

# A server gives no more than 11,000 points of a series at once.
MOST_POINTS: Final = 10_000
# So late a scrape that has begun may still bring values of the time at which it began.
SETTLING: Final = timedelta(seconds=60)
PARAMETERS: Final = ("query", "step", "since", "until", "entity")
_SCHEMES: Final = ("prometheus+http://", "prometheus+https://")
# No expression begins with a name and a single equals sign: `up == 1` has two, and labels stand in braces.
_NAMED: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=(?!=)(.+)", re.DOTALL)
_PLAIN: Final = " !\"#$'()*+,-./:;<=>?@[\\]^_`{|}~"  # stays readable; & and % are escaped
_EXAMPLE: Final = "prometheus+http://localhost:9090?query=event_count=sum by (job) (increase(http_requests_total[5m]))"


@dataclass(frozen=True, kw_only=True)
class PrometheusQuery:
    """What a Prometheus is asked.

    Args:
        address: of the server, as in `http://localhost:9090`.
        columns: an expression in PromQL for each column of the event.
        step: between two rows of an entity; whole seconds.
        since: where rows begin when none ever came: a span before now, or an ISO 8601 time.
        until: where they end; "" for now.
        entity: the label that names the entity; "" for the event's own name of it, or the only label there is.
    """

    address: str
    columns: dict[str, str]
    step: timedelta
    since: str
    until: str
    entity: str


def is_prometheus(source: str) -> bool:
    """Whether it is the address of a Prometheus.

    >>> is_prometheus("prometheus+http://localhost:9090?query=load=node_load1"), is_prometheus("http://localhost:9090")
    (True, False)
    """
    return source.startswith(_SCHEMES)


def parse_prometheus(source: str) -> PrometheusQuery:
    """Take an address apart.

    Expressions are written as they are: of their signs only `&` and a `%` before two digits must be escaped, as `%26` and
    `%25`; a plus is a plus.

    Raises:
        UsageError: a part is unknown, missing or wrong.

    >>> parse_prometheus("prometheus+http://localhost:9090?query=load=node_load1 + 1&step=5m").columns
    {'load': 'node_load1 + 1'}
    """
    plain, _, text = source.removeprefix("prometheus+").partition("?")
    checked_address(plain, where="Prometheus", use="read from")
    where = f"prometheus+{plain}"
    columns: dict[str, str] = {}
    others: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        value = unquote(value).strip()
        if name not in PARAMETERS:
            raise UsageError.not_one_of(name, PARAMETERS, where=f"{where}: parameter")
        if name == "query":
            column, expression = _named(value, where)
            if column in columns:
                raise UsageError(f"two queries are for {column!r}", where=where, mend="Give each column once.")
            columns[column] = expression
        elif name in others:
            raise UsageError(f"{name} is given twice", where=where, mend="Give it once.")
        else:
            others[name] = value
    if not columns:
        raise UsageError("there is no query", where=where, mend=f"As in {_EXAMPLE}.")
    query = PrometheusQuery(
        address=plain.rstrip("/"),
        columns=columns,
        step=_step(others.get("step", "60s"), where),
        since=others.get("since", "7d"),
        until=others.get("until", ""),
        entity=others.get("entity", ""),
    )
    span_of(query, None, now=datetime.now(UTC))  # a wrong time is told before anything is asked
    return query


def with_queries(source: str, queries: Mapping[str, str]) -> str:
    """The address with more columns. Raises UsageError where it is not one of a Prometheus.

    >>> with_queries("prometheus+http://localhost:9090?step=5m", {"load": "node_load1"})
    'prometheus+http://localhost:9090?step=5m&query=load=node_load1'
    """
    if not is_prometheus(source):
        raise UsageError("queries are for a Prometheus", where=source, mend="Begin its path with prometheus+http://.")
    asked = [f"query={column}={quote(text, safe=_PLAIN)}" for column, text in queries.items()]
    return f"{source}{'&' if '?' in source else '?'}{'&'.join(asked)}"


def authorization(token: str) -> str:
    """The `Authorization` header of a token, or of `USER:PASSWORD`; "" where there is none.

    >>> authorization("abc"), authorization("anna:secret")
    ('Bearer abc', 'Basic YW5uYTpzZWNyZXQ=')
    """
    if ":" in token:
        return f"Basic {b64encode(token.encode()).decode()}"
    return f"Bearer {token}" if token else ""


def span_of(query: PrometheusQuery, newest: datetime | None, *, now: datetime) -> tuple[datetime, datetime]:
    """The first and the last time that is asked for, both whole steps since 1970: what is asked twice has the same times.

    Args:
        query: what is asked.
        newest: rows from there on are wanted, in place of the query's `since`.
        now: aware.

    Raises:
        UsageError: `since` or `until` is neither a span nor a time.
    """
    try:
        first = since(query.since, now=now) if newest is None else newest
        last = since(query.until, now=now) if query.until else now - SETTLING
    except TelltaleError as error:
        raise UsageError(error.what, where=f"prometheus+{query.address}", mend=error.mend) from error
    step_s = query.step.total_seconds()
    begin, end = -(-first.timestamp() // step_s), last.timestamp() // step_s
    return datetime.fromtimestamp(begin * step_s, UTC), datetime.fromtimestamp(end * step_s, UTC)


def range_addresses(query: PrometheusQuery, expression: str, first: datetime, last: datetime) -> Iterator[str]:
    """The addresses that give an expression's values from `first` to `last`, each of `MOST_POINTS` points at most."""
    begin = first
    while begin <= last:
        end = min(begin + (MOST_POINTS - 1) * query.step, last)
        asked = {
            "query": expression,
            "start": f"{begin.timestamp():.0f}",
            "end": f"{end.timestamp():.0f}",
            "step": f"{query.step.total_seconds():.0f}",
        }
        yield f"{query.address}/api/v1/query_range?{urlencode(asked)}"
        begin = end + query.step


def _named(text: str, where: str) -> tuple[str, str]:
    found = _NAMED.fullmatch(text)
    if found is None:
        raise UsageError(
            f"the query {text!r} does not say which column it is", where=where, mend="Write query=COLUMN=EXPRESSION."
        )
    return found[1], found[2].strip()


def _step(text: str, where: str) -> timedelta:
    try:
        step = duration(f"{text}s" if text.isdecimal() else text)
    except TelltaleError as error:
        raise UsageError(error.what, where=f"{where}: step", mend=error.mend) from error
    if step % timedelta(seconds=1):
        raise UsageError(f"{text!r} is no whole number of seconds", where=f"{where}: step", mend="Such as 60s or 5m.")
    return step
