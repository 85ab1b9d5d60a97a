"""Addresses of streams: what they say, and what is told of those that say something wrong."""

import pytest

from telltale.contract.errors import UsageError
from telltale.serve.consume.address import read_address


def test_all_that_an_address_says_is_read() -> None:
    found = read_address("rediss://anna:p%40ss@db:7000/3?stream=metrics&group=blue&scores=s&alarms=a&idle=5&keep=1000")

    assert (found.kind, found.host, found.port, found.database, found.is_encrypted) == ("redis", "db", 7000, 3, True)
    assert (found.user, found.password) == ("anna", "p@ss")
    assert (found.stream, found.group, found.scores, found.alarms) == ("metrics", "blue", "s", "a")
    assert (found.idle_s, found.keep) == (5.0, 1000)


def test_nobody_is_told_a_password() -> None:
    assert "secret" not in read_address("nats://anna:secret@db?stream=metrics").told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("kafka://db?stream=metrics", "As in redis://"),
        ("redis://db:6379/0", "names no stream"),
        ("redis://db:6379/metrics?stream=metrics", "no database"),
        ("nats://db/metrics?stream=metrics", "Leave it out"),
        ("redis://db:port?stream=metrics", "cannot be read"),
        ("redis://db?stream=metrics&score=s", "Known: alarms, group, idle, keep, scores, stream"),
        ("redis://db?stream=metrics&stream=others", "said twice"),
        ("redis://db?stream=metrics&scores=metrics", "where events come from"),
        ("redis://db?stream=metrics&idle=0", "from 1 up"),
        ("redis://db?stream=metrics&keep=many", "from 1 up"),
        ("nats://db?stream=metrics.x", "Leave out dots"),
        ("nats://db?stream=metrics&group=a.b", "Leave out dots"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_do(address: str, told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        read_address(address)
