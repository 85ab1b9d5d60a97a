"""The page `/personhood/type`: records how somebody types, enrols and verifies them, and shows them their own rhythm.

The files of this folder are sent as they are. `recorder.js` is the only one that ever sees a key; `server.js` the only one
that sends; `picture.js` draws; `page.js` joins them. No build step, nothing from elsewhere.
"""

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any, Final

from telltale.contract.route import Route, RouteRequest

PATH: Final = "/personhood/type"
_FILES: Final = (
    (PATH, "page.html", "text/html", "The page that learns and checks how somebody types"),
    (f"{PATH}/page.css", "page.css", "text/css", "How that page looks"),
    (f"{PATH}/icon.svg", "icon.svg", "image/svg+xml", "The mark of that page"),
    (f"{PATH}/page.js", "page.js", "text/javascript", "What that page does"),
    (f"{PATH}/recorder.js", "recorder.js", "text/javascript", "Times and kinds of keys, never which key"),
    (f"{PATH}/server.js", "server.js", "text/javascript", "What that page asks of this server"),
    (f"{PATH}/picture.js", "picture.js", "text/javascript", "The picture of a rhythm"),
)


def _sender(name: str) -> Callable[[Any, RouteRequest], bytes]:
    """A function that sends a file of this folder; read once, so that a page and its scripts belong together."""
    return partial(_send, files(__package__).joinpath(name).read_bytes())


def _send(content: bytes, _context: Any, _request: RouteRequest) -> bytes:
    return content


PAGE_ROUTES: Final = tuple(
    Route(method="GET", path=path, summary=summary, handle=_sender(name), media_type=media_type)
    for path, name, media_type, summary in _FILES
)
