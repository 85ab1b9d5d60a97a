"""The operator key: who may write, and read predictions."""

import hmac
from collections.abc import Iterable
from ipaddress import ip_address

from telltale.contract.errors import UnauthorizedError, UsageError
from telltale.serve.guard.route_paths import matcher
from telltale.serve.http.call import Headers

# Nothing here tells what was measured or answered.
_OPEN = frozenset({"/health", "/healthz", "/readyz", "/metrics", "/docs", "/docs/openapi.json"})
_OPEN_READS = ("/v1/versions", "/v1/jobs", "/v1/schedules")


class OperatorKey:
    """Checks requests against one key; with no key everything is open.

    Args:
        key: what clients must send, or "".
        open_reads: paths besides that are read without it; a part in braces stands for any.
    """

    def __init__(self, key: str, *, open_reads: Iterable[str] = ()) -> None:
        self.is_set = bool(key)
        self._key = key.encode()
        self._is_open_read = matcher(open_reads)

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Let a request pass, or not.

        Open without a key: health, metrics, documentation, reading versions, jobs and schedules, and what apps let read.

        Raises:
            UnauthorizedError: the key is missing or wrong.
        """
        if not self.is_set or path in _OPEN:
            return
        if method == "GET" and (path.startswith(_OPEN_READS) or self._is_open_read(path)):
            return
        given = headers.get("x-api-key")
        if given is None:
            kind, _, told = headers.get("authorization", "").partition(" ")
            given = told.strip() if kind.lower() == "bearer" else None
        if given is None:
            raise UnauthorizedError(
                "no key was given", where="request", mend="Send it as Authorization: Bearer KEY, or as X-API-Key."
            )
        # Constant time: the answer must not tell how much of a guess was right.
        if not hmac.compare_digest(given.encode(), self._key):
            raise UnauthorizedError("the key is not the right one", where="request", mend="Ask the operator for it.")


def check_exposure(host: str, operator_key: str) -> None:
    """Refuse to be reachable from elsewhere without a key.

    Raises:
        UsageError: `host` is not of this machine alone, and there is no key.

    >>> check_exposure("127.0.0.1", "")
    >>> check_exposure("0.0.0.0", "a secret")
    """
    if not operator_key and not _is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and there is no operator key",
            where="serve",
            mend="Set TELLTALE_OPERATOR_KEY, or serve on 127.0.0.1.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
