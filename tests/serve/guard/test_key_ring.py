from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.serve.guard.sent import Sent

from telltale.contract.errors import UnauthorizedError
from telltale.registry.api_keys import CreatedKey, create_key, revoke_key
from telltale.serve.guard import key_ring
from telltale.serve.guard.caller import OPERATOR, Caller
from telltale.serve.guard.key_ring import KeyRing
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def made(state: Database, name: str = "shop", **given: Any) -> CreatedKey:
    return create_key(state, name, given.pop("scopes", ["predict"]), actor="t", now=NOW, **given)


def who(ring: KeyRing, key: str) -> Caller:
    found = {ring.caller(Sent({"x-api-key": key})), ring.caller(Sent({"authorization": f"bearer  {key} "}))}
    assert len(found) == 1
    return found.pop()


def refused(ring: KeyRing, headers: dict[str, str]) -> str:
    with pytest.raises(UnauthorizedError) as error:
        ring.caller(Sent(headers))
    return str(error.value)


def test_a_key_says_who_asks_and_what_they_may(state: Database) -> None:
    key = made(state, scopes=["predict", "ingest"], rate=7)
    ring = KeyRing("", state, interval_s=9)

    assert who(ring, key.secret) == Caller(
        actor=f"key shop ({key.key.id})", scopes=frozenset({"predict", "ingest"}), rate=7
    )


def test_the_operators_key_opens_whatever_it_looks_like(state: Database) -> None:
    key = made(state)
    for operators in ("s3cret", f"tt_{key.key.id}_mine", "tt_"):
        ring = KeyRing(operators, state, interval_s=9)

        assert who(ring, operators) == OPERATOR
        assert who(ring, key.secret).actor.startswith("key shop")


def test_every_wrong_key_is_told_the_same(state: Database) -> None:
    key, gone = made(state), made(state, "gone")
    revoke_key(state, "gone", now=NOW)
    ring = KeyRing("s3cret", state, interval_s=9)
    wrong = [
        f"tt_00000000_{key.secret[12:]}",
        key.secret[:-1],
        key.secret + "A",
        key.secret[:12],
        key.secret.upper(),
        gone.secret,
        sha256(key.secret.encode()).hexdigest(),
        "s3cre",
        "",
        "tt_",
        "☃" * 500,
        "\udcff",
    ]

    assert len({refused(ring, {"x-api-key": one}) for one in wrong}) == 1
    assert "no key was given" in refused(ring, {"authorization": f"Basic {key.secret}"})


def test_digests_are_compared_in_constant_time_also_where_there_is_no_such_key(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made(state)
    ring = KeyRing("s3cret", state, interval_s=9)
    lengths: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(key_ring, "compare_digest", compare)
    for given in ("tt_00000000_x", key.secret[:-1], "s3cre", "s3cret"):
        lengths.clear()
        if given == "s3cret":
            ring.caller(Sent({"x-api-key": given}))
        else:
            refused(ring, {"x-api-key": given})

        assert lengths == [(32, 32), (32, 32)]


def test_keys_are_taken_up_and_dropped_at_the_next_look_and_revoking_opens_nothing(state: Database) -> None:
    ring = KeyRing("", state, interval_s=9)
    was_open = [ring.is_open]

    key = made(state)
    was_open.append(ring.is_open)
    ring.refresh()
    was_open.append(ring.is_open)
    assert was_open == [True, True, False]
    assert who(ring, key.secret).scopes == {"predict"}

    revoke_key(state, "shop", now=NOW)
    assert who(ring, key.secret).scopes == {"predict"}
    ring.refresh()
    assert "not the right one" in refused(ring, {"x-api-key": key.secret})
    assert not ring.is_open
    assert not KeyRing("", state, interval_s=9).is_open
