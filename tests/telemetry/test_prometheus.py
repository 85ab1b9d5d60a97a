"""Addresses of a Prometheus, taken apart; what a real one answers is in tests/home/test_prometheus_source.py."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import UsageError
from telltale.telemetry.prometheus import MOST_POINTS, parse_prometheus, range_addresses, span_of, with_queries

HERE = "prometheus+http://localhost:9090"
NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


def test_every_part_of_an_address_is_read() -> None:
    found = parse_prometheus(
        'prometheus+https://metrics.example/prom/?query=a=sum(rate(x{y!="z"}[5m]))+b&query=c=up==1&step=5m&since=2d&entity=job'
    )

    assert found.address == "https://metrics.example/prom"
    assert found.columns == {"a": 'sum(rate(x{y!="z"}[5m]))+b', "c": "up==1"}
    assert (found.step, found.since, found.entity) == (timedelta(minutes=5), "2d", "job")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("a=x%20%2B%201", "x + 1"),  # as the page of a Prometheus writes it
        ("a=x + 1", "x + 1"),
        ("a=x % 2", "x % 2"),
        ('a=x{path="/%2526"}', 'x{path="/%26"}'),
        ("a = x", "x"),
        ("a=x#y", "x#y"),
    ],
)
def test_an_expression_is_taken_as_it_is_written(text: str, expression: str) -> None:
    assert parse_prometheus(f"{HERE}?query={text}").columns == {"a": expression}


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (HERE, "there is no query"),
        (f"{HERE}?query=up", r"'up' does not say which column it is\. Write query=COLUMN=EXPRESSION"),
        (f"{HERE}?query=up==1", "does not say which column"),
        (f"{HERE}?query=a=x&query=a=y", "two queries are for 'a'"),
        (f"{HERE}?query=a=x&sinc=7d", r"'sinc' is not known\. Known: entity, query, since, step, until"),
        (f"{HERE}?query=a=x&step=0.5s", "'0.5s' is no whole number of seconds"),
        (f"{HERE}?query=a=x&step=often", "step: 'often' is no span of time"),
        (f"{HERE}?query=a=x&step=1m&step=5m", "step is given twice"),
        (f"{HERE}?query=a=x&since=soon", "'soon' is neither a span of time nor a moment"),
        (
            "prometheus+http://anna:secret@localhost?query=a=x",
            "that is not an address to read from.*a key apart from it",
        ),
    ],
)
def test_what_is_wrong_with_an_address_is_told(address: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        parse_prometheus(address)

    assert "secret" not in str(raised.value)


@given(
    before=st.timedeltas(timedelta(0), timedelta(days=20)),
    step_s=st.sampled_from([1, 15, 60, 300, 3_600]),
    n_days=st.integers(1, 20),
)
def test_times_asked_for_are_whole_steps_and_each_is_asked_once(before: timedelta, step_s: int, n_days: int) -> None:
    query = parse_prometheus(f"{HERE}?query=a=x&step={step_s}s&since={n_days}d")
    first, last = span_of(query, NOW - before if before else None, now=NOW)

    pages = [parse_qs(urlsplit(url).query) for url in range_addresses(query, "x", first, last)]
    spans = [(int(page["start"][0]), int(page["end"][0])) for page in pages]

    assert all(begin % step_s == 0 and end % step_s == 0 and begin <= end for begin, end in spans)
    assert all((end - begin) // step_s < MOST_POINTS for begin, end in spans)
    assert all(later[0] == sooner[1] + step_s for sooner, later in pairwise(spans))
    if spans:
        assert (spans[0][0], spans[-1][1]) == (first.timestamp(), last.timestamp())
    assert last <= NOW - timedelta(seconds=60)  # a scrape that has begun may still bring values


def test_queries_of_a_file_are_those_of_the_address() -> None:
    queries = {"a": 'sum(x{y="1&2%20"}) + 1\n % 2', "b": "µ"}

    assert parse_prometheus(with_queries(f"{HERE}?step=5m", queries)).columns == queries
    with pytest.raises(UsageError, match=r"Begin its path with prometheus\+http"):
        with_queries("http://localhost:9090", queries)
