from collections.abc import Iterator
from pathlib import Path

import pytest

from telltale.apps.personhood.chain.codec import Pattern
from telltale.apps.personhood.chain.journal import Cursor, Entry, Journal, open_journal
from telltale.contract.errors import ConflictError

ONE, TWO = (Pattern(did=bytes([n]) * 32, features=bytes([n]) * 20) for n in (1, 2))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path) as connection:
        yield Journal(connection, "0xchain")


def only(journal: Journal, state: str) -> Entry:
    (found,) = journal.entries(state)  # type: ignore[arg-type]  # one of the states
    return found


def test_a_pattern_is_found_once_for_each_did(journal: Journal) -> None:
    same_numbers = Pattern(did=TWO.did, features=ONE.features)

    assert journal.find(ONE)
    assert not journal.find(ONE)
    assert journal.find(same_numbers)
    assert [entry.did for entry in journal.to_ask()] == [ONE.did, TWO.did]


def test_each_step_is_kept_and_what_it_was_made_of_goes_at_the_end(journal: Journal) -> None:
    journal.find(ONE)
    journal.scored(only(journal, "found"), 42)
    journal.signed(only(journal, "scored"), b"bytes", b"hash", account="5G", nonce=7, valid_until=99)
    signed = only(journal, "signed")
    assert (signed.score, signed.extrinsic, signed.nonce, signed.valid_until) == (42, b"bytes", 7, 99)
    assert signed.features == ONE.features

    journal.in_block(ONE.did, ONE.pattern_hash, 12, score=42)

    assert only(journal, "in_block").features == b""
    assert not journal.find(ONE)
    assert journal.counts() == {"in_block": 1}


def test_what_can_come_into_no_block_keeps_its_score(journal: Journal) -> None:
    journal.find(ONE)
    journal.scored(only(journal, "found"), 42)
    journal.signed(only(journal, "scored"), b"bytes", b"hash", account="5G", nonce=7, valid_until=99)

    journal.unsigned(only(journal, "signed"))

    again = only(journal, "scored")
    assert (again.score, again.extrinsic, again.nonce) == (42, None, None)


def test_a_score_of_before_the_journal_settles_a_pattern_that_is_found_later(journal: Journal) -> None:
    journal.in_block(ONE.did, ONE.pattern_hash, 12, score=42)

    assert not journal.find(ONE)
    assert journal.to_ask() == []


def test_those_that_were_asked_for_in_vain_come_last(journal: Journal) -> None:
    journal.find(ONE)
    journal.find(TWO)
    journal.asked_in_vain(journal.to_ask()[0])

    assert [entry.did for entry in journal.to_ask()] == [TWO.did, ONE.did]


def test_what_was_put_aside_is_taken_up_where_it_stood(journal: Journal) -> None:
    journal.find(ONE)
    journal.find(TWO)
    assert journal.malformed(b"some", b"hash", bytes(20), "it is no pattern")
    first, second = journal.to_ask()
    journal.put_aside(first, "refused", "no such hour")
    journal.scored(second, 42)
    journal.put_aside(second, "failed", "the runtime says no")
    assert journal.counts() == {"failed": 1, "malformed": 1, "refused": 1}

    assert journal.take_up_again() == 2

    assert journal.counts() == {"found": 1, "malformed": 1, "scored": 1}
    assert (only(journal, "found").did, only(journal, "scored").did) == (ONE.did, TWO.did)


def test_what_is_noted_together_is_noted_whole_or_not(journal: Journal) -> None:
    def broken() -> None:
        with journal.together():
            journal.find(ONE)
            journal.move(Cursor(height=3, hash="0x03"))
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - ours
        broken()

    assert (journal.to_ask(), journal.cursor()) == ([], None)


def test_chains_are_kept_apart_and_outlive_the_process(tmp_path: Path) -> None:
    with open_journal(tmp_path) as connection:
        Journal(connection, "0xone").find(ONE)
        Journal(connection, "0xone").move(Cursor(height=3, hash="0x03"))

    with open_journal(tmp_path) as connection:
        assert len(Journal(connection, "0xone").to_ask()) == 1
        assert Journal(connection, "0xone").cursor() == Cursor(height=3, hash="0x03")
        assert Journal(connection, "0xother").to_ask() == []
        assert Journal(connection, "0xother").cursor() is None
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: on disk at every step


def test_a_second_relay_of_a_home_is_refused(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path),
        pytest.raises(ConflictError, match="another relay works with it"),
        open_journal(tmp_path),
    ):
        pass
    with open_journal(tmp_path):
        pass  # the first one gave it back
