"""One POST of JSON to an address that whoever runs this has named."""

from collections.abc import Mapping
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

from telltale.contract.errors import UnavailableError
from telltale.telemetry.remote import plain_opener

TIMEOUT_S: Final = 5.0


def post_json(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S) -> None:
    """Send it; any 2xx is taken, its content is not read. A redirect is an answer like any other that is not 2xx.

    Raises:
        UnavailableError: it was not taken. The message names the host alone: a path may hold a key.
    """
    parts = urlsplit(url)
    all_headers = {"Content-Type": "application/json", "User-Agent": "telltale", **headers}
    request = Request(url, data=body, headers=all_headers, method="POST")  # noqa: S310 - checked by whoever asks
    try:
        with plain_opener(parts.hostname).open(request, timeout=timeout_s):
            return
    except HTTPError as error:
        with error:
            what = f"it answered {error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        is_late = isinstance(reason, TimeoutError)
        what = f"there was no answer within {timeout_s:g} s" if is_late else f"there was no answer ({reason})"
    raise UnavailableError(what, where=parts.netloc, mend="See that it is up; it is tried again.")
