"""Pages as they are sent: what a browser may do with them, where it is sent to, and faults as pages."""

from datetime import UTC, datetime
from typing import Final

from telltale.serve.http.call import Call, Reply
from telltale.serve.http.problems import Problem
from telltale.serve.page.elements import Html
from telltale.serve.page.shell import PageView, whole_page
from telltale.serve.page.sign_in import problem_part
from telltale.serve.page.viewer import Viewer

HTML: Final = "text/html; charset=utf-8"
# On pages that are files of their own, as reports are.
BACK: Final = Html('<p><a href="/">To the overview</a></p>')
# No script at all; style and icon are files of this server; forms go nowhere else. A page that sent no referrer to its own
# server would be told apart from no foreign one: a browser then says "Origin: null" for its forms.
HEADERS: Final = (
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "same-origin"),
)


def html(page: bytes, *headers: tuple[str, str], status: int = 200) -> Reply:
    """A page of ours, with what a browser may do with it."""
    return Reply(page, HTML, status, (*HEADERS, *headers))


def see(path: str, *headers: tuple[str, str]) -> Reply:
    """Send the browser to a page."""
    return Reply(b"", HTML, 303, (("location", path), *HEADERS, *headers))


def told_as_page(viewer: Viewer, call: Call, problem: Problem) -> Reply:
    """A fault as a page."""
    view = PageView(viewer=viewer, path=call.path, now=datetime.now(UTC))
    return html(whole_page(view, problem.title, problem_part(problem), BACK), status=problem.status)
