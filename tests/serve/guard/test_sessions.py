from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.serve.guard.sent import Sent

from telltale.contract.errors import ForbiddenError, TooManyRequestsError, UnauthorizedError
from telltale.registry.api_keys import CreatedKey, create_key, revoke_key
from telltale.serve.guard.caller import OPERATOR
from telltale.serve.guard.key_ring import KeyRing
from telltale.serve.guard.sessions import LASTS_S, Sessions, session_cookie, session_of
from telltale.storage.database import Database, open_database

NOW = datetime(2024, 12, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "state.db", schema="state")
    yield database
    database.close()


def sessions(
    state: Database, operator_key: str = "op", *, secret: str = "", clock: Callable[[], float] = lambda: 1_000.0
) -> Sessions:
    return Sessions(KeyRing(operator_key, state, interval_s=9), operator_key=operator_key, secret=secret, clock=clock)


def made(state: Database, *scopes: str) -> CreatedKey:
    return create_key(state, "shop", scopes or ("read",), actor="t", now=NOW)


def test_a_session_names_its_key_and_another_process_and_host_reads_it(state: Database) -> None:
    key = made(state, "read", "operate")

    by_operator, by_key = sessions(state).begin("op"), sessions(state).begin(key.secret)

    assert sessions(state).caller(by_operator) == OPERATOR
    assert sessions(state).caller(by_key).actor == f"key shop ({key.key.id})"


def test_without_an_operator_key_the_workers_of_a_server_share_its_secret_and_others_do_not(state: Database) -> None:
    key = made(state).secret
    one_server, another = "of one server", "of another"

    session = sessions(state, "", secret=one_server).begin(key)

    assert sessions(state, "", secret=one_server).caller(session).scopes == {"read"}
    for secret in (another, ""):
        with pytest.raises(UnauthorizedError):
            sessions(state, "", secret=secret).caller(session)


def test_neither_the_key_nor_its_hash_can_be_read_from_a_session(state: Database) -> None:
    key = made(state).secret

    session = sessions(state).begin(key)

    assert key not in session
    assert key.rpartition("_")[2] not in session
    ((digest,),) = state.fetch("SELECT digest FROM api_key")
    assert digest not in session


def test_a_session_is_over_after_its_time_and_with_its_key_and_with_a_new_operators_key(state: Database) -> None:
    now_s = 1_000.0
    ours = sessions(state, clock=lambda: now_s)
    key = made(state)
    ours._ring.refresh()  # noqa: SLF001 - what its thread does every half a second
    by_operator, by_key = ours.begin("op"), ours.begin(key.secret)

    with pytest.raises(UnauthorizedError):
        sessions(state, "another", clock=lambda: now_s).caller(by_operator)
    revoke_key(state, "shop", now=NOW)
    ours._ring.refresh()  # noqa: SLF001
    with pytest.raises(UnauthorizedError):
        ours.caller(by_key)
    assert ours.caller(by_operator) == OPERATOR
    now_s += LASTS_S
    with pytest.raises(UnauthorizedError):
        ours.caller(by_operator)


@pytest.mark.parametrize("place", range(4))
def test_a_session_of_which_anything_was_changed_is_none(state: Database, place: int) -> None:
    ours = sessions(state)
    key = made(state)
    ours._ring.refresh()  # noqa: SLF001
    parts = ours.begin(key.secret).split(".")
    parts[place] = {0: "operator", 1: "9999999999", 2: "00" * 12, 3: "0" * 64}[place]

    with pytest.raises(UnauthorizedError, match=r"Sign in again\."):
        ours.caller(".".join(parts))


@pytest.mark.parametrize(
    "session", ["", ".", "...", "operator.9.9.9", "ö.9999999999.a.b", "operator.²³.a.b", "a" * 9_000]
)
def test_what_is_no_session_is_refused_and_breaks_nothing(state: Database, session: str) -> None:
    with pytest.raises(UnauthorizedError):
        sessions(state).caller(session)


def test_a_key_that_may_not_read_opens_no_page(state: Database) -> None:
    key = made(state, "predict").secret

    with pytest.raises(ForbiddenError, match="--scope read"):
        sessions(state).begin(key)


def test_after_ten_wrong_keys_nobody_is_let_in_for_a_minute_and_whoever_is_in_stays(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 5_000.0
    monkeypatch.setattr("telltale.serve.guard.sessions.monotonic", lambda: now_s)
    ours = sessions(state)
    session = ours.begin("op")
    for _ in range(10):
        with pytest.raises(UnauthorizedError):
            ours.begin("wrong")

    with pytest.raises(TooManyRequestsError) as error:
        ours.begin("op")
    assert error.value.retry_after_s == 60
    assert ours.caller(session) == OPERATOR
    now_s += 61

    assert ours.caller(ours.begin("op")) == OPERATOR


def test_the_token_of_a_form_is_of_one_session(state: Database) -> None:
    ours = sessions(state)
    first, second = ours.begin("op"), ours.begin("op")

    assert first != second
    assert ours.form_token(first) == sessions(state).form_token(first)
    assert ours.form_token(first) != ours.form_token(second)


def test_a_browsers_cookie_is_read_among_others_and_a_key_beside_it_decides() -> None:
    cookie = "theme=dark; telltale_session=abc; other=1"

    assert session_of(Sent({"cookie": cookie})) == "abc"
    assert session_of(Sent({"cookie": "telltale_session="})) is None
    assert session_of(Sent({})) is None
    assert session_of(Sent({"cookie": cookie, "x-api-key": "k"})) is None
    assert session_of(Sent({"cookie": cookie, "authorization": "Bearer k"})) is None


def test_scripts_and_other_sites_never_see_the_cookie_and_over_tls_it_is_never_sent_in_the_clear() -> None:
    assert session_cookie("abc", is_secure=True) == (
        f"telltale_session=abc; Path=/; Max-Age={LASTS_S}; HttpOnly; SameSite=Strict; Secure"
    )
    assert "Max-Age=0;" in session_cookie("", is_secure=False)
