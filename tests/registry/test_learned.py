"""What versions learned, as rows beside them: one writer, steps that are kept whole, and a way back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from telltale.contract.errors import BundleError, ConflictError, NotFoundError
from telltale.contract.estimator import Parts
from telltale.models.packed_parts import pack_parts, unpack_parts
from telltale.registry import learned
from telltale.registry.learned import (
    KEPT,
    Learned,
    add_learned,
    forget_learned,
    learned_body,
    learned_heads,
    learned_history,
    newest_learned,
    revert_learned,
)
from telltale.storage.database import Database
from telltale.storage.folder import open_folder

NOW = datetime(2024, 6, 1, tzinfo=UTC)
WHOSE = ("pakit", "peers", 3)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Database]:
    folder = open_folder(tmp_path / "home")
    yield folder.events
    folder.close()


def learn(events: Database, before: Learned | None, *, upto_id: int) -> Learned | None:
    body = f"after {upto_id}".encode()
    return add_learned(events, WHOSE, before, body, n_rows=upto_id * 2, upto_id=upto_id, now=NOW)


def test_steps_follow_each_other_and_the_newest_counts(events: Database) -> None:
    first = learn(events, None, upto_id=5)
    second = learn(events, first, upto_id=9)

    assert second is not None
    assert (second.number, second.n_rows, second.upto_id, second.reason) == (2, 18, 9, "learned")
    assert newest_learned(events, WHOSE) == second
    assert learned_heads(events) == {WHOSE: 2}
    assert learned_body(events, WHOSE, 2) == b"after 9"
    assert newest_learned(events, ("pakit", "peers", 4)) is None


def test_a_writer_that_was_overtaken_changes_nothing(events: Database) -> None:
    first = learn(events, None, upto_id=5)
    learn(events, first, upto_id=9)

    assert learn(events, first, upto_id=7) is None
    assert learn(events, None, upto_id=7) is None
    assert [step.upto_id for step in learned_history(events, WHOSE)] == [9, 5]


def test_going_back_is_a_step_of_its_own_that_leaves_the_rows_behind(events: Database) -> None:
    second = learn(events, learn(events, None, upto_id=5), upto_id=9)

    made = revert_learned(events, WHOSE, 1, actor="ann", now=NOW)

    assert (made.number, made.n_rows, made.upto_id) == (3, 10, 9)
    assert (made.actor, made.reason) == ("ann", "reverted to 1")
    assert learned_body(events, WHOSE, 3) == b"after 5"
    assert learn(events, second, upto_id=12) is None, "the worker goes on from what was gone back to"
    with pytest.raises(NotFoundError, match="step 7"):
        revert_learned(events, WHOSE, 7, actor="ann", now=NOW)
    with pytest.raises(ConflictError, match="is the newest"):
        revert_learned(events, WHOSE, 3, actor="ann", now=NOW)


def test_old_steps_make_room(events: Database) -> None:
    step = None
    for upto_id in range(1, KEPT + 6):
        step = learn(events, step, upto_id=upto_id)

    assert [one.number for one in learned_history(events, WHOSE)] == list(range(KEPT + 5, 5, -1))
    assert learned_body(events, WHOSE, 5) is None


def test_large_steps_make_room_sooner_and_one_stays_to_go_back_to(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "KEPT_BYTES", 250)
    step = None
    for upto_id in range(1, 7):
        step = add_learned(events, WHOSE, step, bytes(100), n_rows=1, upto_id=upto_id, now=NOW)
    assert [one.number for one in learned_history(events, WHOSE)] == [6, 5, 4]

    add_learned(events, WHOSE, step, bytes(1_000), n_rows=1, upto_id=9, now=NOW)
    add_learned(events, WHOSE, newest_learned(events, WHOSE), bytes(1_000), n_rows=1, upto_id=9, now=NOW)

    assert [one.number for one in learned_history(events, WHOSE)] == [8, 7]


def test_all_steps_of_an_app_can_be_removed_at_once(events: Database) -> None:
    learn(events, None, upto_id=5)

    with events.write() as connection:
        assert forget_learned(connection, "shop") == 0
        assert forget_learned(connection, "pakit") == 1
    assert learned_heads(events) == {}


def test_parts_come_back_as_they_were_packed() -> None:
    parts = Parts(
        onnx=b"graph",
        arrays={"b": np.arange(6.0).reshape(2, 3).T, "a": np.array([1, 2], dtype=np.uint16)},
        names={"n": ("x", "ä")},
    )

    found = unpack_parts(pack_parts(parts), where="here")

    assert pack_parts(parts) == pack_parts(found)
    assert (found.onnx, found.names) == (b"graph", {"n": ("x", "ä")})
    assert np.array_equal(found.arrays["b"], parts.arrays["b"])
    assert found.arrays["a"].dtype == np.uint16
    assert unpack_parts(pack_parts(Parts(arrays={})), where="here") == Parts(arrays={})
    with pytest.raises(BundleError, match="cannot be read"):
        unpack_parts(b"nonsense", where="here")
