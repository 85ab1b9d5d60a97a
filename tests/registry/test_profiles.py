"""Profiles are rows beside the versions: each change is a new number, and an earlier one can be gone back to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from telltale.contract.errors import ConflictError, NotFoundError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.sequence import timed_sequence
from telltale.registry.profiles import add_samples, find_profile, profile_history, revert_profile
from telltale.storage.database import Database
from telltale.storage.folder import open_folder

NOW = datetime(2024, 6, 1, tzinfo=UTC)
WHOSE = ("personhood", "verify", "ann")


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    folder = open_folder(tmp_path / "home")
    yield folder.events
    folder.close()


def typed(seed: int) -> TimedSequence:
    rng = np.random.default_rng(seed)
    began = np.cumsum(rng.uniform(80, 300, 12))
    return timed_sequence(np.zeros(12), began, began + rng.uniform(60, 120, 12))


def add(events: Database, *seeds: int, reason: str = "enrolled") -> int:
    return add_samples(events, *WHOSE, [typed(seed) for seed in seeds], actor="test", reason=reason, now=NOW).number


def test_nobody_is_known_before_they_are_enrolled(events: Database) -> None:
    assert find_profile(events, *WHOSE) is None
    assert profile_history(events, *WHOSE) == []


def test_samples_are_added_to_those_that_are_there(events: Database) -> None:
    add(events, 1, 2)
    add(events, 3, reason="confirmed p-1")

    found = find_profile(events, *WHOSE)

    assert found is not None
    assert (found.number, found.n_samples, found.reason, found.actor) == (2, 3, "confirmed p-1", "test")
    kept = found.sequences()
    assert np.allclose(kept[2].lasted_ms, typed(3).lasted_ms, rtol=0.03)


def test_a_profile_is_gone_back_to_under_a_new_number_and_nothing_is_overwritten(events: Database) -> None:
    add(events, 1, 2, 3)
    add(events, 4)

    found = revert_profile(events, *WHOSE, 1, actor="op", now=NOW)

    assert (found.number, found.n_samples, found.reason) == (3, 3, "reverted to 1")
    assert [one.number for one in profile_history(events, *WHOSE)] == [3, 2, 1]
    assert profile_history(events, *WHOSE)[0].body == profile_history(events, *WHOSE)[2].body


def test_what_is_not_kept_cannot_be_gone_back_to(events: Database) -> None:
    with pytest.raises(NotFoundError, match="newest 5"):
        revert_profile(events, *WHOSE, 1, actor="op", now=NOW)
    add(events, 1)
    with pytest.raises(ConflictError, match="is the newest"):
        revert_profile(events, *WHOSE, 1, actor="op", now=NOW)


def test_five_profiles_are_kept_of_each_and_none_of_another_is_touched(events: Database) -> None:
    add_samples(events, "personhood", "verify", "bob", [typed(99)], actor="test", reason="enrolled", now=NOW)
    for seed in range(8):
        add(events, seed)

    assert [one.number for one in profile_history(events, *WHOSE)] == [8, 7, 6, 5, 4]
    assert len(profile_history(events, "personhood", "verify", "bob")) == 1


def test_what_is_written_beside_a_profile_is_kept_with_it_or_not_at_all(events: Database) -> None:
    def refuse(_connection: object) -> None:
        raise NotFoundError("nothing", where="here")

    with pytest.raises(NotFoundError):
        add_samples(events, *WHOSE, [typed(1)], actor="test", reason="enrolled", now=NOW, beside=refuse)

    assert find_profile(events, *WHOSE) is None
