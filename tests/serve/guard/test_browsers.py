import pytest
from tests.serve.guard.sent import Sent

from telltale.contract.errors import ForbiddenError
from telltale.serve.guard.browsers import BrowserCheck

HERE = "127.0.0.1:8000"


def is_let_through(method: str = "POST", **headers: str) -> bool:
    check = BrowserCheck(("MyLaptop",))
    sent = {"host": HERE} | {name.replace("_", "-"): value for name, value in headers.items()}
    first, second = (_passes(check, method, sent) for _ in range(2))
    assert first == second  # what was seen before is judged alike
    return first


def _passes(check: BrowserCheck, method: str, headers: dict[str, str]) -> bool:
    try:
        check.check(method, Sent(headers))
    except ForbiddenError as error:
        return "telltale keys create" not in error.mend
    return True


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST:1",
        "localhost.:8000",
        "127.0.0.1",
        "127.9.9.9:80",
        "[::1]:8000",
        "[::1]",
        "mylaptop:8000",
        "192.168.1.5:8000",
    ],
)
def test_this_machines_names_and_addresses_are_let_through(host: str) -> None:
    assert is_let_through(host=host)


@pytest.mark.parametrize(
    "host",
    [
        *["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "1.evil", ":8000"],
        *["localhost@evil.example", "[::1].evil.example", "[evil.example]:8000", "0x7f.1", "xlocalhost"],
        "",
    ],
)
def test_a_name_that_others_can_point_here_is_refused(host: str) -> None:
    assert not is_let_through(host=host)
    assert not is_let_through("GET", host=host)


def test_programs_send_no_origin_and_are_let_through() -> None:
    check = BrowserCheck()
    check.check("POST", Sent({}))  # HTTP/2 has no Host
    assert is_let_through()
    assert is_let_through("GET")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (f"http://{HERE}", True),
        (f"https://{HERE}", True),
        ("http://evil.example", False),
        ("http://127.0.0.1:3000", False),
        ("http://localhost:8000", False),
        ("null", False),
        ("", False),
        (HERE, False),
        (f"http://evil.example/{HERE}", False),
    ],
)
def test_only_pages_of_this_server_may_ask(origin: str, expected: bool) -> None:
    assert is_let_through(origin=origin) is expected
    assert is_let_through("GET", origin=origin) is expected


@pytest.mark.parametrize(
    ("site", "expected"), [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False)]
)
def test_a_browser_that_says_it_asks_for_another_site_is_refused(site: str, expected: bool) -> None:
    assert is_let_through("GET", sec_fetch_site=site) is expected
    assert is_let_through("POST", sec_fetch_site=site) is expected


def test_a_person_may_follow_a_link_here_but_no_page_may_frame_or_send() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}

    assert is_let_through("GET", **link)
    assert not is_let_through("POST", **link)
    assert not is_let_through("GET", **link | {"sec_fetch_dest": "iframe"})
    assert not is_let_through("GET", **link | {"sec_fetch_mode": "no-cors"})


def test_what_was_seen_is_kept_in_bounded_memory() -> None:
    check = BrowserCheck()
    for n in range(1_000):
        check.check("GET", Sent({"host": f"127.0.{n // 250}.{n % 250}"}))

    assert len(check._seen) <= 64  # noqa: SLF001 - nothing else shows it
