import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from telltale.contract.errors import ConflictError, NotFoundError, UsageError
from telltale.registry.api_keys import allows_operating, create_key, list_keys, revoke_key
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def test_a_key_is_told_once_and_only_its_hash_is_kept(state: Database, tmp_path: Path) -> None:
    made = create_key(state, "shop", ["ingest", "predict", "ingest"], actor="ada", now=NOW, rate=50)

    found = re.fullmatch(r"tt_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", made.secret)
    assert found is not None
    assert found.group(1) == made.key.id
    assert list_keys(state) == [made.key]
    assert (made.key.name, made.key.scopes, made.key.rate, made.key.actor) == ("shop", ("predict", "ingest"), 50, "ada")
    assert state.fetch("SELECT digest FROM api_key") == [(sha256(made.secret.encode()).hexdigest(),)]
    state.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert made.key.id.encode() in written
    assert found.group(2).encode() not in written


def test_no_two_keys_are_alike(state: Database) -> None:
    secrets = {create_key(state, f"n{n}", ["read"], actor="t", now=NOW).secret for n in range(20)}

    assert len({secret[12:] for secret in secrets}) == len({secret[3:11] for secret in secrets}) == 20


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_revoked_key_stays_in_the_list_and_frees_its_name(state: Database, by: str) -> None:
    first = create_key(state, "shop", ["operate"], actor="t", now=NOW).key
    assert allows_operating(list_keys(state))
    with pytest.raises(ConflictError, match="or revoke that one first"):
        create_key(state, "shop", ["read"], actor="t", now=NOW)

    revoked = revoke_key(state, first.id if by == "id" else first.name, now=NOW)

    assert (revoked.id, revoked.revoked_at) == (first.id, NOW)
    assert not allows_operating(list_keys(state))
    again = create_key(state, "shop", ["read"], actor="t", now=NOW).key
    assert {key.id for key in list_keys(state)} == {first.id, again.id}


def test_what_cannot_be_revoked_says_what_can(state: Database) -> None:
    made = create_key(state, "shop", ["read"], actor="t", now=NOW)
    for reference in ("nobody", made.key.id[:7], ""):
        with pytest.raises(NotFoundError, match="In use: shop"):
            revoke_key(state, reference, now=NOW)
    with pytest.raises(UsageError, match="Give its id") as refused:
        revoke_key(state, made.secret, now=NOW)
    assert made.secret[12:] not in str(refused.value)
    revoke_key(state, "shop", now=NOW)
    with pytest.raises(NotFoundError, match="In use: none"):
        revoke_key(state, "shop", now=NOW)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "ümlaut", "0123abcd", "a\n"])
def test_a_name_that_could_be_mistaken_is_refused(state: Database, name: str) -> None:
    with pytest.raises(UsageError, match="64 at most"):
        create_key(state, name, ["read"], actor="t", now=NOW)
    assert list_keys(state) == []


@pytest.mark.parametrize(
    ("scopes", "rate", "message"),
    [
        ([], None, "needs a scope"),
        (["read", "write"], None, "'write' is not known. Known: ingest, operate, predict, read"),
        (["read"], 0.0, "above 0"),
        (["read"], -1.0, "above 0"),
        (["read"], math.nan, "above 0"),
        (["read"], math.inf, "above 0"),
    ],
)
def test_scopes_and_rates_that_cannot_be_are_refused(
    state: Database, scopes: list[str], rate: float | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        create_key(state, "shop", scopes, actor="t", now=NOW, rate=rate)
    assert list_keys(state) == []
