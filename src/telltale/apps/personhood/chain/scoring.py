"""Asking `/predict`: the same question for the same pattern, however often it must be asked."""

import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import IO, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

import msgspec

from telltale.apps.personhood.chain.codec import FIELDS, Field, decode_features
from telltale.contract.errors import SchemaError, TelltaleError, UnauthorizedError, UnavailableError, UsageError
from telltale.telemetry.remote import checked_address, plain_opener

TIMEOUT_S: Final = 10.0
_WAITS_S: Final = (0.25, 0.5, 1.0)  # between the attempts of one pass
_MOST_BYTES: Final = 100_000
_PART_BYTES: Final = 4_096
_LATER: Final = {408, 425, 429}  # and what is 500 or more


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of an answer. Absent is not the same as wrong: a wrong one is refused."""

    did: str
    personhood_score: int | None = None
    confidence: int | None = None


def question(did: bytes, pattern_hash: bytes, features: bytes, fields: tuple[Field, ...] = FIELDS) -> bytes:
    """The body. Raises SchemaError where the features are no five numbers.

    >>> question(bytes(32), bytes(32), bytes(20))
    b'{"did":"0x00...00","pattern_hash":"0x00...00","features":{"typing_speed_wpm":0,...}}'
    """
    document: Mapping[str, object] = {
        "did": f"0x{did.hex()}",
        "pattern_hash": f"0x{pattern_hash.hex()}",
        "features": decode_features(features, fields),
    }
    return msgspec.json.encode(document)


def ask_score(
    url: str,
    body: bytes,
    *,
    api_key: str = "",
    timeout_s: float = TIMEOUT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """The score, a whole number from 0 to 100: `confidence` where the answer has it, else `personhood_score`.

    Args:
        url: of `/predict`.
        body: of `question`.
        api_key: sent as `X-API-Key`; "" to send none.
        timeout_s: for each attempt.
        sleep: between attempts.

    Raises:
        SchemaError: the service says that these features cannot be; asking again would not help.
        UnauthorizedError: it wants a key, or another one.
        UsageError: the address is none, or what is there does not answer such questions.
        UnavailableError: there was no good answer in four attempts.
    """
    checked_address(url, where="--url", use="ask")
    for wait_s in (*_WAITS_S, None):
        try:
            return _ask(url, body, api_key=api_key, timeout_s=timeout_s)
        except UnavailableError as error:
            if wait_s is None:
                raise
            sleep(max(wait_s, min(error.retry_after_s or 0.0, 10.0)))
    raise AssertionError  # the last attempt raised or returned


def _ask(url: str, body: bytes, *, api_key: str, timeout_s: float) -> int:
    headers = {"Content-Type": "application/json", "User-Agent": "telltale"}
    request = Request(url, data=body, headers=headers | ({"X-API-Key": api_key} if api_key else {}))  # noqa: S310 - checked
    try:
        with plain_opener(urlsplit(url).hostname).open(request, timeout=timeout_s) as answer:
            return _score(_read(answer, time.monotonic() + timeout_s), body, url)
    except HTTPError as error:
        with error:
            raise _refused(url, error) from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        what = f"no answer within {timeout_s:g} s" if isinstance(reason, TimeoutError) else f"no answer ({reason})"
        raise UnavailableError(what, where=url, mend="See that telltale serves there; it is tried again.") from error


def _read(answer: IO[bytes], give_up_at: float) -> bytes:
    """All of it, in time: a service that drips holds nobody up."""
    parts: list[bytes] = []
    while (part := answer.read(_PART_BYTES)) and sum(map(len, parts)) < _MOST_BYTES:
        if time.monotonic() > give_up_at:
            raise TimeoutError
        parts.append(part)
    return b"".join(parts)


def _score(data: bytes, body: bytes, url: str) -> int:
    try:
        said = msgspec.json.decode(data, type=_Said)
    except msgspec.MsgspecError as error:
        raise UnavailableError(
            f"the answer is no score ({error})", where=url, mend="Give the address of /predict."
        ) from error
    score = said.personhood_score if said.confidence is None else said.confidence
    if score is None or not 0 <= score <= 100:
        raise UnavailableError(f"the score is {score}, not 0 to 100", where=url, mend="Give the address of /predict.")
    asked = msgspec.json.decode(body)["did"]
    if said.did != asked:
        raise UnavailableError(
            f"the answer is about {said.did}, not {asked}", where=url, mend="See what answers there."
        )
    return score


def _refused(url: str, error: HTTPError) -> TelltaleError:
    said = error.read(_MOST_BYTES).decode(errors="replace").strip()
    what = f"it answered {error.code} {error.reason}: {said[:500]}"
    if error.code in {409, 422}:  # these features cannot be, or others came under the same hash before
        return SchemaError(what, where=url, mend="What stands on the chain cannot be scored.")
    if error.code in {401, 403}:
        return UnauthorizedError(what, where=url, mend="Give a key with the scope predict in RELAY_API_KEY.")
    if error.code in _LATER or error.code >= 500:
        after = error.headers.get("Retry-After", "")
        wait_s = float(after) if after.isdecimal() else None
        return UnavailableError(what, where=url, mend="It is tried again.", retry_after_s=wait_s)
    return UsageError(what, where=url, mend="Give the address of /predict of telltale.")
