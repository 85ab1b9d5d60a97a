"""The page as it is served, without a browser."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from telltale.apps.personhood.page import PAGE_ROUTES, PATH
from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

FOLDER = files("telltale.apps.personhood.page")
SCRIPTS = ("page.js", "recorder.js", "server.js", "picture.js")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("page") / "home"
    home.mkdir()
    settings = ServeSettings(home=str(home), apps=("telltale.apps.personhood:APP",), operator_key="s3cret")
    with start_background(settings) as server, httpx.Client(base_url=server.url) as client:
        yield client


@pytest.mark.server
@pytest.mark.parametrize("route", PAGE_ROUTES, ids=lambda route: route.path)
def test_every_file_comes_as_what_it_is_without_a_key(client: httpx.Client, route: Any) -> None:
    reply = client.get(route.path)

    assert reply.status_code == 200
    assert reply.headers["content-type"].partition(";")[0] == route.media_type
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.server
def test_the_page_may_run_and_ask_nothing_but_this_server(client: httpx.Client) -> None:
    policies = client.get(PATH).headers.get_list("content-security-policy")

    assert len(policies) == 1
    allowed = dict(part.strip().split(" ", 1) for part in policies[0].split(";"))
    assert allowed["default-src"] == "'none'"
    assert {allowed[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert {allowed[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}


@pytest.mark.server
def test_answers_that_are_no_pages_keep_the_policy_that_runs_nothing(client: httpx.Client) -> None:
    for path in ("/health", "/docs", "/nothing"):
        assert "script-src" not in client.get(path).headers["content-security-policy"]


@pytest.mark.server
def test_the_documentation_tells_a_page_from_json(client: httpx.Client) -> None:
    paths = client.get("/docs/openapi.json").json()["paths"]

    assert list(paths[PATH]["get"]["responses"]["200"]["content"]) == ["text/html"]
    assert list(paths[f"{PATH}/page.js"]["get"]["responses"]["200"]["content"]) == ["text/javascript"]


@pytest.mark.parametrize("name", [*SCRIPTS, "page.html", "page.css", "icon.svg"])
def test_no_file_names_another_server(name: str) -> None:
    text = FOLDER.joinpath(name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"//\w|url\(|@import", text)


def test_every_file_of_the_folder_is_served_and_every_link_leads_to_one() -> None:
    served = {route.path for route in PAGE_ROUTES}
    linked = set(re.findall(r'(?:href|src)="([^"]+)"', FOLDER.joinpath("page.html").read_text(encoding="utf-8")))
    imported = re.findall(r'from "\./([^"]+)"', FOLDER.joinpath("page.js").read_text(encoding="utf-8"))

    assert linked | {f"{PATH}/{name}" for name in imported} | {PATH} == served
    folder = {path.name for path in Path(str(FOLDER)).iterdir() if path.suffix in {".js", ".css", ".svg", ".html"}}
    assert len(folder) == len(served)


def test_only_the_recorder_looks_at_keys_and_nothing_reads_the_field() -> None:
    texts = {name: FOLDER.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS}

    assert [name for name, text in texts.items() if re.search(r"keydown|keyup|keyCode|\.key\b|\.code\b", text)] == [
        "recorder.js"
    ]
    everything = "\n".join(texts.values())
    assert re.findall(r"""(?:field|at\("field"\))\.value(.{0,3})""", everything) == [" = "]
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie|innerHTML|eval\(", everything)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_written_stands_out_from_what_is_behind_it(scheme: str) -> None:
    blocks = re.findall(r":root \{(.+?)\}", FOLDER.joinpath("page.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+):(#\w+)", blocks[scheme == "dark"]))
    behind = {
        "ink": ("ground", "sheet", "promise", "good-ground", "bad-ground"),
        "quiet": ("ground", "sheet", "promise", "good-ground", "bad-ground"),
        "blue": ("ground", "sheet", "promise"),
        "on-blue": ("blue",),
        "dot": ("sheet",),
        "good": ("good-ground",),
        "bad": ("bad-ground",),
    }

    weak = {
        (front, back): ratio
        for front, backs in behind.items()
        for back in backs
        if (ratio := contrast(colours[front], colours[back])) < 4.5  # as WCAG 2 asks of text, level AA
    }
    assert not weak


def contrast(one: str, other: str) -> float:
    """Of two colours `#rrggbb` or `#rgb`, from 1 to 21, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_the_kinds_of_the_recorder_are_those_of_the_event() -> None:
    text = FOLDER.joinpath("recorder.js").read_text(encoding="utf-8")

    assert set(re.findall(r'return "(\w+)";', text)) == set(KEY_CLASSES)
