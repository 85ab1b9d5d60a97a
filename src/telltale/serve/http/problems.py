"""Errors as RFC 9457 problem documents: what, where, the mend; nothing internal."""

import re
from typing import Final

import msgspec
import structlog

from telltale.contract.errors import TelltaleError

PROBLEM_TYPE: Final = "application/problem+json"
_logger = structlog.get_logger("telltale.serve.http.problems")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document. `type` names the kind of error and stays the same for ever.

    `instance` names the request, as its `x-request-id` does; faults of single rows have none.
    """

    type: str
    title: str
    status: int
    detail: str
    where: str
    mend: str
    instance: str = ""


def problem_of(error: Exception) -> Problem:
    """What a client may know of an error. One that is not ours is logged whole and told as "Something broke".

    >>> from telltale.contract.errors import NotFoundError
    >>> problem_of(NotFoundError("there is no version 9", where="helios/anomaly", mend="There are: 1.")).type
    'urn:telltale:not-found'
    """
    if not isinstance(error, TelltaleError):
        _logger.error("request_broke", exc_info=error)
        return Problem(
            type="urn:telltale:internal",
            title=TelltaleError.title,
            status=500,
            detail="the request could not be answered, and the fault is the server's",
            where="server",
            mend="Try again; if it lasts, its log says why.",
        )
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return Problem(
        type=f"urn:telltale:{kind}",
        title=error.title,
        status=error.status,
        detail=error.what,
        where=error.where,
        mend=error.mend,
    )


def encode_problem(error: Exception) -> tuple[int, bytes]:
    """The status and the body to answer with."""
    problem = problem_of(error)
    return problem.status, msgspec.json.encode(problem)


def name_request(document: bytes, request_id: str) -> bytes:
    """An encoded problem document with the request that it answers.

    Put in where the answer is sent: what makes the document may serve several requests at once.

    >>> name_request(b'{"status":404}', "a-1")
    b'{"status":404,"instance":"urn:telltale:request:a-1"}'
    """
    return b'%b,"instance":"urn:telltale:request:%b"}' % (document[:-1], request_id.encode())
