"""What pages are made of: text is escaped unless it is HTML already, so that nothing from outside becomes HTML by accident."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from telltale.evaluate.wording import NO_FIGURE

_VOID: Final = frozenset({"input", "link", "meta", "br"})
_OF_DRAWINGS: Final = frozenset({"line", "rect", "circle", "polyline"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


_NOW_S: Final = 2.0
NOTHING: Final = Html("")
DASH: Final = Html(f'<span class="quiet">{NO_FIGURE}</span>')
Attribute = str | int | float | bool | None


def tag(kind: str, /, *content: str, **attributes: Attribute) -> Html:
    """An element. A trailing underscore of an attribute's name is left out, others become dashes; None and False leave it out.

    >>> tag("p", "a < b", tag("b", "c"), class_="note", aria_label='"d"', hidden=False)
    '<p class="note" aria-label="&quot;d&quot;">a &lt; b<b>c</b></p>'
    """
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if kind in _VOID:
        return Html(f"<{kind}{told}>")
    return (
        Html(f"<{kind}{told}/>")
        if kind in _OF_DRAWINGS and not content
        else Html(f"<{kind}{told}>{joined(*content)}</{kind}>")
    )


def joined(*content: str) -> Html:
    """Several pieces, each escaped unless it is HTML."""
    return Html("".join(piece if isinstance(piece, Html) else escape(piece) for piece in content))


def small(text: str) -> Html:
    """Less than what stands before it; "" is nothing."""
    return joined(" ", tag("small", text)) if text else NOTHING


def link(text: str, to: str, **attributes: Attribute) -> Html:
    """A link within this server."""
    return tag("a", text, href=to, **attributes)


def moment(at: datetime | None, now: datetime) -> Html:
    """A moment as its distance from now, and whole for whoever asks; a dash for none.

    >>> from datetime import UTC, timedelta
    >>> now = datetime(2024, 12, 1, tzinfo=UTC)
    >>> moment(now - timedelta(minutes=5), now)
    '<time datetime="2024-11-30T23:55:00Z" title="2024-11-30 23:55:00 UTC">5 min ago</time>'
    """
    if at is None:
        return DASH
    return tag("time", distance(at, now), datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}", title=f"{at:%Y-%m-%d %H:%M:%S} UTC")


def distance(at: datetime, now: datetime) -> str:
    """How far a moment is from now, in one unit."""
    seconds = (at - now).total_seconds()
    told = duration_text(abs(seconds))
    # What came while the page was made is not of the future.
    return f"in {told}" if seconds > _NOW_S else f"{told} ago"


def duration_text(seconds: float) -> str:
    """A span in one unit.

    >>> duration_text(4), duration_text(240), duration_text(86_400 * 3)
    ('4 s', '4 min', '3 d')
    """
    for unit_s, most, word in ((1, 100, "s"), (60, 100, "min"), (3_600, 48, "h")):
        if seconds < most * unit_s:
            return f"{seconds / unit_s:.0f} {word}"
    return f"{seconds / 86_400:.0f} d"


def badge(word: str, tone: str, mark: str = "") -> Html:
    """A state in a word, with a mark before it so that its colour is never all that tells.

    Args:
        word: the state.
        tone: "good", "bad", "open" or "calm".
        mark: a sign that is not read aloud.
    """
    sign = joined(tag("span", mark, aria_hidden="true"), " ") if mark else NOTHING
    return tag("span", sign, word, class_=f"badge {tone}")


def facts(pairs: Mapping[str, str], *, kind: str = "facts") -> Html:
    """Names and values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs.items()), class_=kind)


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, note: str = "", kind: str = ""
) -> Html:
    """A table; the first cell of a row names it. On a phone each row becomes a small list, and stays a table to be read aloud.

    Args:
        caption: what it shows, for whoever cannot see its heading.
        columns: their names; "" for a column of buttons.
        rows: of cells.
        note: in place of rows where there are none.
        kind: a class beside the usual ones.
    """
    if not rows:
        return tag("p", note, class_="quiet") if note else NOTHING
    head = tag(
        "tr",
        *(
            tag("th", name or tag("span", "actions", class_="unseen"), scope="col", role="columnheader")
            for name in columns
        ),
        role="row",
    )
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row", role="rowheader"),
            *(
                tag("td", tag("span", cell), data_of=name or None, role="cell", class_="none" if cell == DASH else None)
                for name, cell in zip(columns[1:], row[1:], strict=True)
            ),
            role="row",
        )
        for row in rows
    ]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="unseen"),
            tag("thead", head, role="rowgroup"),
            tag("tbody", *body, role="rowgroup"),
            role="table",
        ),
        class_=f"sheet {kind}".strip(),
    )


def section(heading: str, *content: str, id_: str = "", about: str = "") -> Html:
    """A part of a page under its heading; nothing where it has no content."""
    whole = joined(*content)
    if not whole:
        return NOTHING
    told = tag("p", about, class_="quiet") if about else NOTHING
    name = id_ or re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
    named = f"{name}-heading"
    return tag("section", tag("h2", heading, id=named), told, whole, id=name, aria_labelledby=named)
