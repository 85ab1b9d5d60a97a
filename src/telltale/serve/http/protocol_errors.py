"""Errors as clients of the open inference protocol read them: a problem document with the field `error` in front."""

from typing import Any, Final

import msgspec

PROTOCOL_PATHS: Final = "/v2"


def with_error(body: bytes) -> bytes:
    """A problem document that says the same once more in `error`, the only field those clients know.

    >>> with_error(b'{"detail":"it is late","where":"here","mend":"Wait."}')
    b'{"error":"here: it is late. Wait.","detail":"it is late","where":"here","mend":"Wait."}'
    """
    problem: dict[str, Any] = msgspec.json.decode(body)
    where = f"{problem['where']}: " if problem["where"] else ""
    return msgspec.json.encode({"error": f"{where}{problem['detail']}. {problem['mend']}", **problem})
