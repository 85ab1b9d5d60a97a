"""Answers in pages, from a real server."""

import json
from collections.abc import Callable

import pytest
from tests.telemetry.backend.server import Asked, Backend, Reply, backend_of, interactions, json_reply

from telltale.contract.errors import TelltaleError, TooLargeError, UnavailableError, UsageError
from telltale.telemetry.frames import LINE
from telltale.telemetry.paging import Pages, read_pages
from telltale.telemetry.remote import fetch_url

ROWS = interactions(25)


def read(backend: Backend, path: str = "/rows", **limits: int) -> Pages:
    return read_pages(f"{backend.url}{path}", fetch_url, **limits)


def page_of(asked: Asked, *, parameter: str = "page") -> tuple[list[dict[str, object]], int]:
    number = int(asked.query.get(parameter, "1"))
    return ROWS[10 * (number - 1) : 10 * number], number + 1 if number < 3 else 0


def by_link(asked: Asked) -> Reply:
    rows, following = page_of(asked)
    first = '</rows?page=1>; rel="first"'
    return json_reply(rows, Link=f'{first}, </rows?page={following}>; rel="next"' if following else first)


def by_address(asked: Asked) -> Reply:
    rows, following = page_of(asked)
    return json_reply({"items": rows, "total": 25, "next": f"?page={following}" if following else None})


def by_relative_name(asked: Asked) -> Reply:
    rows, following = page_of(asked)
    return json_reply({"data": rows, "links": {"next": {"href": f"rows?page={following}"} if following else None}})


def by_cursor(asked: Asked) -> Reply:
    rows, following = page_of(asked, parameter="cursor")
    return json_reply({"results": rows, "meta": {"next_cursor": f"{following}" if following else ""}})


def by_number(asked: Asked) -> Reply:
    rows, following = page_of(asked)
    return json_reply({"rows": rows, "next_page": following or None})


def as_csv(asked: Asked) -> Reply:
    rows, following = page_of(asked)
    lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in rows)]
    headers = {"Content-Type": "text/csv"} | ({"Link": f"<?page={following}>; rel=next"} if following else {})
    return Reply(body="\n".join(lines).encode(), headers=headers)


@pytest.mark.parametrize("answer", [by_link, by_address, by_relative_name, by_cursor, by_number, as_csv])
def test_pages_are_read_to_the_end_as_one_answer(answer: Callable[[Asked], Reply]) -> None:
    with backend_of(answer) as backend:
        pages = read(backend)

        assert (pages.n_pages, len(backend.asked)) == (3, 3)
    assert pages.rows.frame.drop(LINE).to_dicts() == ROWS
    assert pages.rows.frame[LINE].is_sorted()
    assert pages.rows.frame[LINE].n_unique() == 25
    assert pages.rows.source == f"{backend.url}/rows"


def test_the_query_of_the_first_page_goes_along_with_a_cursor() -> None:
    with backend_of(by_cursor) as backend:
        read(backend, "/rows?since=2025&cursor=1")

        assert [asked.query for asked in backend.asked] == [{"since": "2025", "cursor": str(n)} for n in (1, 2, 3)]


def test_a_single_row_with_a_list_of_its_own_is_a_row() -> None:
    with backend_of(lambda _: json_reply({"items": [1.5, 2.5], "user": "a"})) as backend:
        assert read(backend).rows.frame.drop(LINE).to_dicts() == [{"items": [1.5, 2.5], "user": "a"}]


def test_values_of_another_type_on_another_page_are_kept_as_they_are() -> None:
    def answer(asked: Asked) -> Reply:
        if "page" not in asked.query:
            return json_reply({"items": [{"a": 1}, {"b": None}], "next": "?page=2"})
        return json_reply({"items": [{"a": 0.5}, {"b": "x"}, 7]})

    with backend_of(answer) as backend:
        rows = read(backend).rows

    assert rows.frame.select("a", "b").to_dicts() == [
        {"a": 1.0, "b": None},
        {"a": None, "b": None},
        {"a": 0.5, "b": None},
        {"a": None, "b": "x"},
    ]
    assert [(row.line, row.reason) for row in rows.unreadable] == [(5, "is a number, not an object of named values")]


def test_an_answer_without_rows_is_no_fault() -> None:
    with backend_of(lambda _: json_reply({"items": [], "next": None})) as backend:
        assert read(backend).rows.frame.height == 0


@pytest.mark.parametrize(
    "body", [b"<html>Bad gateway</html>", b'[{"a": 1}, {"a":', b'{"items": [{"a": 1}', b"\x00\xff"]
)
def test_an_answer_that_is_no_json_although_it_says_so_is_no_good_answer(body: bytes) -> None:
    with (
        backend_of(lambda _: Reply(body=body)) as backend,
        pytest.raises(UnavailableError, match="is not what it says that it is"),
    ):
        read(backend)


def _to_itself(_: Asked) -> Reply:
    return json_reply({"items": ROWS[:2], "next": "/rows"})


def _in_a_circle(asked: Asked) -> Reply:
    number = int(asked.query.get("page", "0"))
    return json_reply({"items": [{"a": number}], "next": f"?page={(number + 1) % 3}"})


def _for_ever_the_same(asked: Asked) -> Reply:
    number = int(asked.query.get("cursor", "0"))
    body = json.dumps(ROWS[:2]).encode()
    return Reply(body=body, headers={"Content-Type": "application/json", "Link": f'<?cursor={number + 1}>; rel="next"'})


@pytest.mark.parametrize("answer", [_to_itself, _in_a_circle, _for_ever_the_same])
def test_paging_that_never_ends_is_told(answer: Callable[[Asked], Reply]) -> None:
    with backend_of(answer) as backend:
        with pytest.raises(
            UnavailableError, match=r"leads back to a page before it\. The paging of that server never ends"
        ):
            read(backend)

        assert len(backend.asked) <= 4


def test_pages_and_bytes_are_bounded() -> None:
    def endless(asked: Asked) -> Reply:
        number = int(asked.query.get("cursor", "0"))
        return json_reply({"items": [{"a": number}], "next": number + 1})

    with backend_of(endless) as backend:
        with pytest.raises(TooLargeError, match="more than 5 pages"):
            read(backend, most_pages=5)
        with pytest.raises(TooLargeError, match=r"or 100 bytes.*Ask for fewer rows at once"):
            read(backend, most_bytes=100)


@pytest.mark.parametrize("there", ["http://elsewhere.example/rows", "http://127.0.0.1:1/rows", "ftp://127.0.0.1/rows"])
def test_a_page_on_another_server_is_never_asked_for(there: str) -> None:
    with (
        backend_of(lambda _: json_reply({"items": ROWS[:2], "next": there})) as backend,
        pytest.raises(UsageError, match=r"page 2: (it is on another server|that is not an address)"),
    ):
        read(backend)


def test_a_fault_of_a_later_page_is_the_fault_of_the_whole() -> None:
    def answer(asked: Asked) -> Reply:
        return by_address(asked) if asked.query.get("page") != "3" else Reply(status=500)

    with backend_of(answer) as backend, pytest.raises(TelltaleError, match="500"):
        read(backend)
