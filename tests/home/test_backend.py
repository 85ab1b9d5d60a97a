"""The shop's backend through the command and the API: the key, what is stored, and what is said when it is away."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.telemetry.backend.server import Backend, Reply, backend_of, fault, interactions, json_reply

from telltale.cli import main
from telltale.contract.errors import NotFoundError, TelltaleError, UnavailableError, UsageError
from telltale.home import Home
from telltale.home.backend import declared_source, key_for
from telltale.home.settings import SETTINGS
from telltale.telemetry.retries import Patience

ROWS = [{"timestamp": f"2024-01-0{day}T00:00:00Z", "load": day} for day in (1, 2, 3)]


@pytest.fixture
def backend() -> Iterator[Backend]:
    with backend_of(lambda _: json_reply(ROWS)) as found:
        yield found


@pytest.mark.parametrize(
    ("url", "api_url", "is_told"),
    [
        ("http://api:8080/orders", "http://api:8080", True),
        ("http://api:8080/orders", "http://api:8080/", True),
        ("http://api:8080/v2/orders?page=1", "http://api:8080/v2", True),
        ("http://api/orders", "http://api:80", True),
        ("http://api:8080/orders", "", False),
        ("http://api:8081/orders", "http://api:8080", False),
        ("https://api:8080/orders", "http://api:8080", False),
        ("http://api:8080.elsewhere.net/orders", "http://api:8080", False),
        ("http://api:8080@elsewhere.net/orders", "http://api:8080", False),
        ("http://api:8080/v2more/orders", "http://api:8080/v2", False),
        ("http://api:8080/v2/../admin", "http://api:8080/v2", False),
    ],
)
def test_the_key_is_told_to_nobody_but_the_backend(url: str, api_url: str, *, is_told: bool) -> None:
    assert key_for(url, api_url=api_url, api_key="secret") == ("secret" if is_told else "")


def test_rows_of_an_address_are_stored_as_those_of_a_file(home: Home, backend: Backend) -> None:
    checked, stored = home.ingest("helios/metrics", f"{backend.url}/metrics?token=hidden", api_key="secret")

    assert (checked.n_read, stored.n_stored) == (3, 3)
    assert [asked.key for asked in backend.asked] == ["secret"]
    sources = home.folder.events.fetch("SELECT DISTINCT source FROM event")
    assert sources == [(f"{backend.url}/metrics",)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("telltale.home.pulls.PATIENCE", Patience(attempts=2, first_pause_s=0.0))
    return tmp_path


def ingest(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, object]:
    capsys.readouterr()
    found = main(["ingest", *arguments, "--json"])
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    assert found == status, document
    return document


def test_the_command_sends_the_key_of_the_settings_to_the_backend_of_the_settings(
    backend: Backend, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".env").write_text(f"API_URL={backend.url}\nAPI_KEY=secret\n")
    first = ingest(capsys, "helios/metrics", f"{backend.url}/metrics")
    (here / ".env").write_text("API_URL=http://localhost:8080\nAPI_KEY=secret\n")
    second = ingest(capsys, "helios/metrics", f"{backend.url}/metrics")

    assert (first["stored"], second["stored"], second["already_stored"]) == (3, 0, 3)
    assert [asked.key for asked in backend.asked] == ["secret", None]


def test_the_key_is_not_told_to_a_page_that_lies_elsewhere_on_the_server(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {
        "/v2/events": json_reply({"items": interactions(2), "next": "/admin/events"}),
        "/admin/events": json_reply({"items": interactions(2, first=2)}),
    }
    with backend_of(lambda asked: pages[asked.path]) as backend:
        (here / ".env").write_text(f"API_URL={backend.url}/v2\nAPI_KEY=secret\n")
        told = ingest(capsys, "storefront/interaction", f"{backend.url}/v2/events")

    assert (told["stored"], told["pages"]) == (4, 2)
    assert [asked.key for asked in backend.asked] == ["secret", None]


def test_while_it_is_away_the_last_good_answer_stands_in_marked_stale_and_an_alarm_says_so(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = [json_reply(interactions(5))]
    with backend_of(lambda _: replies[0]) as backend:
        address = f"{backend.url}/events"
        fresh = ingest(capsys, "storefront/interaction", address)
        replies[0] = fault(503)
        stale = ingest(capsys, "storefront/interaction", address)
        assert main(["ingest", "storefront/interaction", address]) == 0
        shown = capsys.readouterr().out
        alarms = _alarms(capsys)
        refused = ingest(capsys, "storefront/interaction", address, "--fresh", status=3)
        replies[0] = json_reply(interactions(6))
        again = ingest(capsys, "storefront/interaction", address, "--now")

    assert (fresh["is_stale"], fresh["stored"]) == (False, 5)
    assert (stale["is_stale"], stale["stored"], stale["already_stored"], stale["read"]) == (True, 0, 5, 5)
    assert "503" in str(stale["fault"])
    assert isinstance(stale["age_s"], float)
    assert f"STALE: {address} gave nothing (" in shown
    assert "these are the rows of that answer; nothing is made up" in shown.lower()
    assert [(alarm["name"], alarm["task"]) for alarm in alarms] == [("source_stale", "interaction")]
    assert "503" in str(refused["error"])
    assert (again["is_stale"], again["stored"]) == (False, 1)
    assert _alarms(capsys) == []


def _alarms(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    capsys.readouterr()
    main(["alarms", "--json"])
    document = json.loads(capsys.readouterr().out)
    return [alarm for alarm in document["alarms"] if alarm["resolved_at"] is None]


def test_with_nothing_to_stand_in_a_backend_that_is_away_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ingest(capsys, "storefront/interaction", "http://127.0.0.1:9/events", status=3)

    assert "refused" in str(told["error"])


def test_without_a_file_the_backend_of_the_settings_is_read_where_the_app_says(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with backend_of(lambda _: json_reply(interactions(3))) as backend:
        (here / ".env").write_text(f"API_URL={backend.url}/v1/\nAPI_KEY=secret\n")
        told = [ingest(capsys, "storefront/interaction") for _ in range(2)]

        assert [(asked.path, asked.key) for asked in backend.asked] == [("/v1/interactions", "secret")] * 2
        assert ["since" in asked.query for asked in backend.asked] == [False, True]
    assert [one["stored"] for one in told] == [3, 0]


def test_without_a_file_and_without_a_backend_it_says_what_to_give(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ingest(capsys, "storefront/interaction", status=2)

    assert "set API_URL" in str(told["error"])


SETTINGS_OF = {setting.variable: setting.default for setting in SETTINGS}


def test_an_operators_file_says_where_rows_are_how_they_are_asked_for_and_what_they_mean(
    home: Home, tmp_path: Path
) -> None:
    example = Path(__file__).parents[2] / "examples" / "sources" / "shop.toml"
    settings = SETTINGS_OF | {"API_URL": "http://shop:8080/api", "API_SOURCES": str(example), "API_KEY": "secret"}
    app = home.apps["storefront"]

    request = declared_source(home.apps, app, "request", settings)

    assert request is not None
    assert request.url == "http://shop:8080/api/admin/requests?limit=500"
    assert (request.since, request.key_of(request.url)) == ("updated_after", "secret")
    assert request.mapping is not None
    assert request.mapping.targets["response_time"].column == "duration_ms"
    assert declared_source(home.apps, app, "series", settings) is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[storefront.request]\npaht = '/x'", UsageError, r"paht.*Write a table \[APP\.EVENT\]"),
        ("[storefront.requests]\npath = '/x'", UsageError, "event of storefront: 'requests' is not known"),
        ("[shop.request]\npath = '/x'", UsageError, "app: 'shop' is not known"),
        ("[storefront", UsageError, "cannot be read"),
        (None, NotFoundError, "there is no such file"),
    ],
)
def test_a_file_of_sources_that_is_wrong_is_told(
    home: Home, tmp_path: Path, text: str | None, error: type[TelltaleError], message: str
) -> None:
    path = tmp_path / "sources.toml"
    if text is not None:
        path.write_text(text)
    settings = SETTINGS_OF | {"API_URL": "http://shop", "API_SOURCES": str(path)}

    with pytest.raises(error, match=message):
        declared_source(home.apps, home.apps["storefront"], "request", settings)


def test_the_python_api_tells_a_backend_that_is_away(home: Home) -> None:
    with (
        backend_of(lambda _: Reply(body=b"<!doctype html>")) as backend,
        pytest.raises(UnavailableError, match="is not what it says"),
    ):
        home.ingest("storefront/interaction", f"{backend.url}/events")
