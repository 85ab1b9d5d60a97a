"""What pages for people are put together from: HTML that needs nothing beside it, no script and no file from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def page(title: str, sections: Iterable[str], *, style: str) -> str:
    """A whole page of sections that are HTML already; empty ones are left out."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>"
    )
    body = "\n".join(section for section in sections if section)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body><main>\n{body}\n</main></body>\n</html>\n'


def facts_list(facts: Mapping[str, str]) -> str:
    """Names and values in a line that wraps."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">{items}</dl>'


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already; on a phone each row becomes a small list."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-of="{escape(column)}"><span>{cell}</span></td>'
            for column, cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    table = f'<table class="stacked"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="sheet">{table}</div>'
