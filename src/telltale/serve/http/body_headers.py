"""What headers say of a body before it is read: kinds of body that are not taken."""

from typing import TYPE_CHECKING, ClassVar, Final

from telltale.contract.errors import TelltaleError

if TYPE_CHECKING:
    from telltale.serve.http.call import Headers

# Simple tools send these without being asked: what counts is that the body is JSON.
_UNTOLD: Final = frozenset({"application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})


class UnsupportedMediaError(TelltaleError):
    """The body is of a kind that is not taken."""

    status: ClassVar[int] = 415
    exit_status: ClassVar[int] = 2
    title: ClassVar[str] = "This kind of body is not taken"


def check_plain(headers: "Headers") -> None:
    """Raise UnsupportedMediaError for a compressed body.

    A few bytes could unfold to more than the limits allow; rows as an Arrow stream are small as they are.
    """
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaError(
            f"the body is encoded as {encoding[:60]}", where="header Content-Encoding", mend="Send it as it is."
        )


def check_json(headers: "Headers") -> None:
    """Raise UnsupportedMediaError for a body that is said to be something else than JSON, or is compressed."""
    kind = headers.get("content-type")
    if kind is not None and kind != "application/json":
        media = kind.partition(";")[0].strip().lower()
        if "json" not in media and media not in _UNTOLD and media:
            raise UnsupportedMediaError(
                f"the body is said to be {media[:60]}", where="header Content-Type", mend="Send application/json."
            )
    check_plain(headers)
