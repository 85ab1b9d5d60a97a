"""Where rows of events are asked for: addresses by hand, and those under API_URL that an operator or an app has named.

The key goes to the backend that it is for, and to nobody else.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec

from telltale.contract.app import App
from telltale.contract.errors import NotFoundError, UsageError
from telltale.home.apps import find_app
from telltale.telemetry.backend.pulling import Source
from telltale.telemetry.mapping import SourceMapping, read_mapping
from telltale.telemetry.paging import origin_of
from telltale.telemetry.prometheus import authorization, is_prometheus, parse_prometheus, with_queries

SINCE: Final = "since"


class DeclaredSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the rows of an event are, as a table `[APP.EVENT]` of the file that API_SOURCES names says.

    Args:
        path: under API_URL, with a query where one is needed; or a whole address.
        queries: of a Prometheus, the expression of each column, beside those that the address has.
        since: the query parameter that takes a time (ISO 8601, UTC), so that the server answers with rows from there on;
            "" where it has none, and everything is read every time.
        map: file that says how its columns become the event's, beside this one.
    """

    path: str
    since: str = SINCE
    map: str = ""
    queries: dict[str, str] = {}


def is_address(source: str) -> bool:
    """Whether it is an address to read from, and no file.

    >>> is_address("https://shop/orders"), is_address("orders.csv")
    (True, False)
    """
    return source.startswith(("http://", "https://")) or is_prometheus(source)


def key_for(url: str, *, api_url: str, api_key: str) -> str:
    """The key where `url` lies under `api_url`, else "": a key is told to nobody but the one it is for.

    >>> key_for("http://api:8080/v2/orders", api_url="http://api:8080/v2/", api_key="k")
    'k'
    >>> key_for("http://api:8080.elsewhere.net/orders", api_url="http://api:8080", api_key="k")
    ''
    """
    if not api_url or not api_key:
        return ""
    try:
        asked, known = urlsplit(url), urlsplit(api_url)
        is_theirs = origin_of(asked) == origin_of(known)
    except ValueError:  # a port that is no number; reading the address says so
        return ""
    parts, under = asked.path.split("/"), known.path.rstrip("/").split("/")
    return api_key if is_theirs and ".." not in parts and parts[: len(under)] == under else ""


def source_of(
    app: App,
    event: str,
    url: str,
    settings: Mapping[str, str],
    *,
    since: str = "",
    mapping: SourceMapping | None = None,
) -> Source:
    """An address as a source of an event, with the key of the settings for what lies under API_URL or PROMETHEUS_URL.

    Raises:
        UsageError: it is one of a Prometheus, and wrong, or given with `since`.
    """

    def key_of(asked: str) -> str:
        if is_prometheus(url):
            token = settings["PROMETHEUS_TOKEN"]
            return key_for(asked, api_url=settings["PROMETHEUS_URL"], api_key=authorization(token))
        return key_for(asked, api_url=settings["API_URL"], api_key=settings["API_KEY"])

    if is_prometheus(url):
        parse_prometheus(url)
    if since and is_prometheus(url):
        raise UsageError(
            "--since names a query parameter, and a Prometheus has none",
            where="ingest",
            mend="Leave it out: only what is new is asked for anyhow. How far back it begins is since=7d in the address.",
        )
    return Source(app=app.name, schema=app.event(event), url=url, key_of=key_of, since=since, mapping=mapping)


def declared_source(apps: Mapping[str, App], app: App, event: str, settings: Mapping[str, str]) -> Source | None:
    """Where the settings say that rows of an event are; None where they say nothing.

    Raises:
        UsageError: the file that API_SOURCES names cannot be read, or names what there is not.
        NotFoundError: there is no such file.
    """
    api_url = settings["API_URL"]
    named = settings["API_SOURCES"]
    file = Path(named) if named else None
    declared = dict(_declared(file, apps)) if file is not None else {}
    found = declared.get((app.name, event))
    if found is None and file is None and event in app.backend_paths:
        found = DeclaredSource(path=app.backend_paths[event])
    if found is None or not (api_url or is_address(found.path)):
        return None
    url = found.path if is_address(found.path) else urljoin(f"{api_url.rstrip('/')}/", found.path.lstrip("/"))
    if found.queries:
        url = with_queries(url, found.queries)
    mapping = read_mapping(file.parent / found.map) if file is not None and found.map else None
    since = "" if is_prometheus(url) else found.since
    return source_of(app, event, url, settings, since=since, mapping=mapping)


def _declared(path: Path, apps: Mapping[str, App]) -> Iterator[tuple[tuple[str, str], DeclaredSource]]:
    where = f"API_SOURCES: {path}"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(document, dict[str, dict[str, DeclaredSource]])
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=where, mend="Check the path.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        mend = f"Write a table [APP.EVENT] for each; known in it: {', '.join(DeclaredSource.__struct_fields__)}."
        raise UsageError(f"it cannot be read ({error})", where=where, mend=mend) from error
    for name, events in tables.items():
        app = find_app(apps, name)
        for event, source in events.items():
            app.event(event)
            yield (name, event), source
