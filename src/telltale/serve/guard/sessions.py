"""Browsers that signed in: a signed cookie that names a key, and is no key.

A browser cannot send a header of its own when a person follows a link, so the pages take a cookie. It holds the key's id, an
end and a signature. Nothing is stored: the signature's secret is derived from the operator's key, the same in every process
and on every host that has that key, or where there is none is made by the server as it starts, for its workers. Neither lies
in the home, so that a copy of the home opens nothing; and a session ends with its key, which is looked up at each request.
"""

import secrets
from collections import deque
from collections.abc import Callable
from functools import cached_property
from hashlib import scrypt, sha256
from hmac import compare_digest, digest
from time import monotonic, time
from typing import Final

from telltale.contract.errors import ForbiddenError, TooManyRequestsError, UnauthorizedError
from telltale.serve.guard.caller import Caller
from telltale.serve.guard.key_ring import KeyRing
from telltale.serve.http.call import Headers

COOKIE: Final = "telltale_session"
LASTS_S: Final = 12 * 3_600
_NONCE_BYTES: Final = 12
_WRONG: Final = 10
_WRONG_WITHIN_S: Final = 60.0


class Sessions:
    """Makes and reads sessions.

    Args:
        ring: the keys in use.
        operator_key: what the secret is derived from, slowly: a cookie must not help to guess a weak one. "" for none.
        secret: what the workers of a server share where there is no operator key; "" makes one, of this process alone.
        clock: epoch seconds.
    """

    def __init__(self, ring: KeyRing, *, operator_key: str, secret: str, clock: Callable[[], float] = time) -> None:
        self._ring = ring
        self._operator_key = operator_key
        self._shared = secret or secrets.token_hex(32)
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=_WRONG)

    def begin(self, key: str) -> str:
        """A session for whoever has a key: the value of its cookie.

        Raises:
            UnauthorizedError: the key opens nothing.
            ForbiddenError: it does not allow to read.
            TooManyRequestsError: too many wrong ones came within a minute.
        """
        now_s = monotonic()
        if len(self._wrong) == _WRONG and now_s - self._wrong[0] < _WRONG_WITHIN_S:
            wait_s = _WRONG_WITHIN_S - (now_s - self._wrong[0])
            raise TooManyRequestsError(
                f"{_WRONG} wrong keys came within a minute",
                where="sign-in",
                mend=f"Try again in {wait_s:.0f} s.",
                retry_after_s=wait_s,
            )
        try:
            name, caller = self._ring.open_with(key)
        except UnauthorizedError:
            self._wrong.append(now_s)
            raise
        if "read" not in caller.scopes:
            raise ForbiddenError(
                "this key does not allow to read",
                where="sign-in",
                mend="Make one that does: telltale keys create --name NAME --scope read.",
            )
        head = f"{name}.{int(self._clock()) + LASTS_S}.{secrets.token_hex(_NONCE_BYTES)}"
        return f"{head}.{self._signature(head)}"

    def caller(self, session: str) -> Caller:
        """Whose session it is. Raises UnauthorizedError where it is none, is over, or its key was revoked."""
        head, _, signature = session.rpartition(".")
        parts = head.split(".")
        if len(parts) == 3 and parts[1].isdecimal() and int(parts[1][:12]) > self._clock():
            known = self._ring.known(parts[0])
            if known is not None and compare_digest(signature.encode(), self._signature(head).encode()):
                return known
        raise UnauthorizedError("the session is over", where="request", mend="Sign in again.")

    def form_token(self, session: str) -> str:
        """What every form of a session carries: no page of another site can know it."""
        return digest(self._secret, b"form " + session.encode(), sha256).hex()[:32]

    def _signature(self, head: str) -> str:
        return digest(self._secret, b"session " + head.encode(), sha256).hex()

    @cached_property
    def _secret(self) -> bytes:
        if self._operator_key:
            return scrypt(self._operator_key.encode(), salt=b"telltale page sessions", n=1 << 14, r=8, p=1, dklen=32)
        return sha256(self._shared.encode()).digest()


def session_of(headers: Headers) -> str | None:
    """The session that a browser sends; None where there is none, or a key beside it, which then decides."""
    if headers.get("x-api-key") is not None or headers.get("authorization") is not None:
        return None
    for part in (headers.get("cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return str(value)
    return None


def session_cookie(session: str, *, is_secure: bool) -> str:
    """The `Set-Cookie` header of a session; of "" one that ends it."""
    lasts_s = LASTS_S if session else 0
    secure = "; Secure" if is_secure else ""
    return f"{COOKIE}={session}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{secure}"
