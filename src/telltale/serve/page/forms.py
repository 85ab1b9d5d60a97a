"""Forms as browsers send them: read, and known to come from a page of this server."""

from typing import Final
from urllib.parse import parse_qsl

from telltale.contract.errors import ForbiddenError, UsageError
from telltale.serve.guard.page_paths import SIGN_IN, SIGN_OUT, is_page
from telltale.serve.http.call import Call
from telltale.serve.page.actions import Form

_MOST_BYTES: Final = 10_000
_MOST_FIELDS: Final = 40


async def read_form(call: Call) -> Form:
    """The fields of a form; of one that is sent twice the last counts, as no form of ours does. Raises UsageError, TooLargeError."""
    kind = (call.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UsageError(
            "the body is no form", where="header Content-Type", mend="Send it from the page; programs use /v1."
        )
    content = b"".join([part async for part in call.chunks(_MOST_BYTES)])
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise UsageError("the form cannot be read", where="request body", mend="Send it from the page.") from None


def check_same_site(call: Call) -> None:
    """Raise ForbiddenError where another site's page sent the form: nobody is signed in or out by a stranger."""
    site = call.headers.get("sec-fetch-site")
    origin, host = call.headers.get("origin"), call.headers.get("host")
    is_ours = (
        site in {"same-origin", "none"} if site is not None else origin is None or origin.partition("://")[2] == host
    )
    if call.method != "POST" or not is_ours:
        raise ForbiddenError(
            "this form is not from a page of this server",
            where="form",
            mend=f"Open {SIGN_IN} and try again; a proxy in front must hand on the header Host, its port too.",
        )


def own_path(to: str) -> str:
    """A path of a page of ours: whatever else was asked for, the overview."""
    return (
        to
        if is_page(to.partition("?")[0])
        and to.isascii()
        and to.isprintable()
        and "\\" not in to
        and to not in {SIGN_IN, SIGN_OUT}
        else "/"
    )
