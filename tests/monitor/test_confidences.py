"""Answers that are given once, in the table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from telltale.monitor.confidences import ConfidenceKey, ConfidenceWrite, find_answers, write_confidences
from telltale.storage.database import Database, open_database

KEY = ConfidenceKey("personhood", "averages", "0xa", "0x1")


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "events.db", schema="events")
    yield opened
    opened.close()


def keep(events: Database, *writes: ConfidenceWrite) -> None:
    with events.write() as connection:
        write_confidences(connection, writes)


def write(sent: bytes, *, key: ConfidenceKey = KEY, digest: str = "d") -> ConfidenceWrite:
    return ConfidenceWrite(key, digest=digest, confidence=40, sent=sent, at_us=1)


def test_an_answer_is_found_as_it_was_sent(events: Database) -> None:
    keep(events, write(b'{"confidence":40}'))

    found, other = find_answers(events, [KEY, KEY._replace(pattern="0x2")])

    assert found is not None
    assert (found.body, found.digest) == (b'{"confidence":40}', "d")
    assert other is None


def test_of_two_processes_that_answer_at_once_the_second_tells_what_the_first_did(events: Database) -> None:
    first = write(b'{"confidence":40}', digest="of the first")
    second, fresh = write(b'{"confidence":41}'), write(b"{}", key=KEY._replace(entity="0xb"))
    keep(events, first)

    keep(events, fresh, second)

    assert first.known is None
    assert fresh.known is None
    assert second.known is not None
    assert (second.known.body, second.known.digest) == (b'{"confidence":40}', "of the first")
    assert find_answers(events, [KEY])[0] == second.known


def test_written_again_after_the_transaction_was_undone_it_is_the_first_still(events: Database) -> None:
    one = write(b'{"confidence":40}')

    def write_and_fail() -> None:
        with events.write() as connection:
            write_confidences(connection, [one])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    keep(events, one)

    assert one.known is None
    assert find_answers(events, [KEY])[0] is not None
