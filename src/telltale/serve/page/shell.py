"""What stands around every page: its head, the way to the others, who looks, and when it was made."""

from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec

from telltale.serve.guard import page_paths
from telltale.serve.page.elements import NOTHING, Html, joined, link, tag
from telltale.serve.page.viewer import Viewer

STYLE: Final = files("telltale.serve.page").joinpath("style.css").read_bytes()
ICON: Final = files("telltale.serve.page").joinpath("icon.svg").read_bytes()
_STYLE_ADDRESS: Final = f"{page_paths.STYLE}?{sha256(STYLE).hexdigest()[:12]}"
_FOLDER: Final = page_paths.FOLDER
_PAGES: Final = (
    ("Overview", "/"),
    ("Alarms", f"{_FOLDER}/alarms"),
    ("Schedules", f"{_FOLDER}/schedules"),
    ("Events", f"{_FOLDER}/events"),
    ("Reports", f"{_FOLDER}/reports"),
)
REFRESH_S: Final = 30
_OPEN: Final = "No key is asked for: whoever reaches this address may do everything. Before others can: "


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """What a page is shown with.

    Args:
        viewer: who looks.
        path: which page, as it was asked for.
        now: when.
        n_alarms: that last, for the way to them.
        refreshes: whether it asks for itself again.
        done: what the viewer has just done, in words of ours; "" for nothing.
    """

    viewer: Viewer
    path: str
    now: datetime
    n_alarms: int = 0
    refreshes: bool = False
    done: str = ""


def whole_page(view: PageView, title: str, *content: str, crumbs: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A whole page.

    Args:
        view: who looks, at what, when.
        title: its one first heading, which the browser shows too.
        content: below it.
        crumbs: the way to it, as names and paths, without itself.
    """
    head = joined(
        Html('<meta charset="utf-8">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · telltale" if title != "telltale" else title),
        tag("link", rel="stylesheet", href=_STYLE_ADDRESS),
        tag("link", rel="icon", href=page_paths.ICON),
    )
    trail = (
        tag(
            "nav",
            tag("ol", *(tag("li", link(name, to)) for name, to in crumbs)),
            class_="crumbs",
            aria_label="where this is",
        )
        if crumbs
        else NOTHING
    )
    done = (
        tag("p", tag("span", "✓ ", aria_hidden="true"), view.done, class_="done", role="status")
        if view.done
        else NOTHING
    )
    body = joined(
        link("To the content", "#content", class_="skip"),
        _header(view),
        tag("main", trail, tag("h1", title), done, *content, id="content", tabindex="-1"),
        _footer(view),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'.encode()


def _header(view: PageView) -> Html:
    viewer = view.viewer
    ways = []
    for name, to in _PAGES:
        count = (
            joined(" ", tag("span", str(view.n_alarms), class_="count"))
            if name == "Alarms" and view.n_alarms
            else NOTHING
        )
        ways.append(tag("li", tag("a", name, count, href=to, aria_current="page" if to == view.path else None)))
    if not (viewer.caller.scopes or viewer.is_open):
        ways = []
    who = NOTHING
    if viewer.is_signed_in:
        button = tag("button", "Sign out", type="submit", class_="plain")
        who = tag(
            "form", tag("span", viewer.caller.actor), button, method="post", action=page_paths.SIGN_OUT, class_="who"
        )
    brand = tag("a", tag("span", "≀", aria_hidden="true", class_="thread"), "telltale", href="/", class_="brand")
    nav = tag("nav", tag("ul", *ways), aria_label="pages") if ways else NOTHING
    warning = NOTHING
    if viewer.is_open:
        warning = tag(
            "p",
            tag("strong", "Open to this machine. "),
            _OPEN,
            tag("code", "telltale keys create --name NAME --scope operate"),
            class_="warning",
            role="note",
        )
    return joined(tag("header", tag("div", brand, nav, who, class_="bar")), warning)


def _footer(view: PageView) -> Html:
    again = link("stop refreshing", view.path) if view.refreshes else link(
        f"refresh every {REFRESH_S} s", f"{view.path}?refresh={REFRESH_S}"
    )  # fmt: skip
    made = tag("time", f"{view.now:%Y-%m-%d %H:%M:%S}", datetime=f"{view.now:%Y-%m-%dT%H:%M:%SZ}")
    ways = [
        again,
        link("the last day in detail", page_paths.DASHBOARD),
        link("HTTP", "/docs"),
        link("metrics", "/metrics"),
    ]
    if not (view.viewer.caller.scopes or view.viewer.is_open):
        ways = ways[2:]
    return tag("footer", tag("p", "Made ", made, ". All times are UTC."), tag("p", *_with_dots(ways)))


def _with_dots(parts: list[Html]) -> list[Html]:
    return [part for one in parts for part in (Html(" · "), one)][1:]
