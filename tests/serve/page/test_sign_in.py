"""Who is let in to the pages, and what of a sign-in another site could abuse."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.serve.page.sent_forms import KEY, TASK, post, signed_in

from telltale.registry.api_keys import revoke_key
from telltale.serve.guard.sessions import Sessions

PAGES: Final = (
    "/",
    TASK,
    f"{TASK}/versions/1",
    f"{TASK}/train",
    "/ui/alarms",
    "/ui/schedules",
    "/ui/events",
    "/ui/reports",
)


@pytest.mark.parametrize("path", [*PAGES, f"{TASK}/", "/dashboard"])
def test_who_has_not_signed_in_is_sent_to_do_so_and_sees_nothing(locked: Any, path: str) -> None:
    answer = locked.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/ui/sign-in?to={path}"
    assert answer.content == b""


@pytest.mark.parametrize("path", [*PAGES, "/dashboard"])
def test_a_session_opens_the_pages_and_no_path_of_the_api(locked: Any, path: str, row: dict[str, Any]) -> None:
    cookie = signed_in(locked)

    assert locked.get(path, **cookie).status_code == 200
    for method, api in (("GET", "/v1/alarms"), ("POST", "/v1/helios/anomaly/predict"), ("POST", "/v1/jobs")):
        assert locked.request(method, api, row, **cookie).status_code == 401


def test_a_key_in_a_header_opens_the_pages_too(locked: Any) -> None:
    assert locked.get("/", **{"x-api-key": KEY}).status_code == 200
    assert locked.get("/", **{"x-api-key": "wrong"}).status_code == 303


def test_signing_in_leads_to_the_page_that_was_asked_for_and_never_to_another_site(locked: Any) -> None:
    for to, expected in (
        (TASK, TASK),
        ("/ui/alarms?refresh=30", "/ui/alarms?refresh=30"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/v1/alarms", "/"),
        ("/ui/x\r\nset-cookie: a=b", "/"),
        ("/ui/sign-in", "/"),
        ("", "/"),
    ):
        answer = post(locked, "/ui/sign-in", {"key": KEY, "to": to})
        assert (answer.status_code, answer.headers["location"]) == (303, expected)


def test_the_cookie_is_marked_for_tls_where_the_browser_came_by_it(locked: Any) -> None:
    host = {"host": "telltale.example"}
    over_tls = post(locked, "/ui/sign-in", {"key": KEY}, **host, origin="https://telltale.example")
    in_the_clear = post(locked, "/ui/sign-in", {"key": KEY}, **host, origin="http://telltale.example")

    assert over_tls.headers["set-cookie"].endswith("; Secure")
    assert "Secure" not in in_the_clear.headers["set-cookie"]


@pytest.mark.parametrize(
    ("key", "status", "words"), [("wrong", 401, "not the right one"), ("", 401, "not the right one")]
)
def test_a_wrong_key_is_told_at_the_form_and_starts_nothing(locked: Any, key: str, status: int, words: str) -> None:
    answer = post(locked, "/ui/sign-in", {"key": key, "to": TASK})

    assert answer.status_code == status
    assert words in answer.text
    assert "set-cookie" not in answer.headers
    assert f'value="{TASK}"' in answer.text


def test_after_many_wrong_keys_the_form_says_how_long_to_wait(locked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Sessions(locked.edge.guard._ring, operator_key=KEY, secret="")  # noqa: SLF001 - so that the others can sign in
    monkeypatch.setattr(locked.edge.guard, "sessions", ours)
    for _ in range(10):
        assert post(locked, "/ui/sign-in", {"key": "guess"}).status_code == 401

    answer = post(locked, "/ui/sign-in", {"key": "guess"})

    assert answer.status_code == 429
    assert "Try again in" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_page_of_another_site_signs_nobody_in_or_out(locked: Any, headers: dict[str, str]) -> None:
    for path in ("/ui/sign-in", "/ui/sign-out"):
        answer = post(locked, path, {"key": KEY}, **headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_a_session_ends_when_its_key_is_revoked(locked: Any, reader: str) -> None:
    cookie = signed_in(locked, reader)
    revoke_key(locked.edge.folder.state, "looks", now=datetime.now(UTC))
    locked.edge.guard.refresh()

    assert locked.get("/", **cookie).status_code == 303
