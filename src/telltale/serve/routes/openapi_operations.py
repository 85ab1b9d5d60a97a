"""What every operation of the document has alike: its name, whose it is, who may ask, and each way it can be refused."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from telltale.serve.http.problems import PROBLEM_TYPE

Document = dict[str, Any]
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_REFUSAL: Final = "#/components/responses/Refused"
_OPEN: Final = frozenset({"/healthz", "/readyz"})
_SECURITY: Final[list[Document]] = [{}, {"bearer": []}, {"key": []}]
_SCHEMES: Final[Document] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a client's key, or the operator's"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same in a header of its own"},
}
_REQUEST_ID: Final[Document] = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "names the request in answers and logs; another is made where it is missing or does not fit",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY: Final[Document] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "a request sent again under the same key is stored once, and answered as the first time",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._-]+$"},
}
_SCORE: Final[Document] = {
    "name": "score",
    "in": "query",
    "required": False,
    "description": "decide the rows too, by every task that reads the event",
    "schema": {"type": "string", "enum": ["true", "false"]},
}
# Why each is answered; which of them an operation can be answered with follows from what it takes.
REFUSALS: Final[Mapping[str, str]] = {
    "400": "not JSON, cut off, or wrong in itself",
    "401": "a key is needed",
    "403": "the key may not do this, or a page of another site asks",
    "404": "nothing of that name",
    "405": "another method",
    "408": "the body did not come in time",
    "409": "not possible in this state",
    "413": "the body is too large",
    "415": "compressed, or another kind of body",
    "422": "a field does not fit, is missing, or is named twice",
    "429": "more than the rate allows",
    "503": "nothing can answer now; Retry-After says when",
}
_OF_BODIES: Final = ("400", "408", "413", "415", "422")
_OF_PARAMETERS: Final = ("400", "404", "422")
_OF_ALL: Final = ("401", "403", "429", "503")


def with_operations_complete(document: Document, *, apps: Collection[str], routes: Mapping[str, str]) -> Document:
    """The document with each operation complete.

    Args:
        document: paths and schemas, a schema of problems among them.
        apps: names of apps; an operation below `/v1/{app}` is that app's.
        routes: the app of each path of an app's own.
    """
    paths: Document = {}
    taken: set[str] = set()
    for path, methods in document["paths"].items():
        paths[path] = {
            method: _complete(path, method, operation, tag=_whose(path, apps, routes), taken=taken)
            for method, operation in methods.items()
            if method in METHODS
        }
    components = _without_uris(document.get("components", {}))
    refused = {
        "description": "Refused: what, where, and the mend",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {
        **document,
        "paths": paths,
        "tags": [{"name": name} for name in (*apps, "events and feedback", "management")],
        "security": _SECURITY,
        "components": {
            **components,
            "securitySchemes": _SCHEMES,
            "responses": {"Refused": refused},
        },
    }


def _without_uris(schema: Any) -> Any:
    """The schema as it is true: paths of files are sent as text, which Litestar takes for addresses."""
    if isinstance(schema, list):
        return [_without_uris(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_uris(part) for name, part in schema.items() if (name, part) != ("format", "uri")}


def _whose(path: str, apps: Collection[str], routes: Mapping[str, str]) -> str:
    if path in routes:
        return routes[path]
    if path == "/v1/feedback":
        return "events and feedback"
    first = path.removeprefix("/v1/").partition("/")[0]
    return first if path.startswith("/v1/") and first in apps else "management"


def _complete(path: str, method: str, operation: Document, *, tag: str, taken: set[str]) -> Document:
    parameters = [*operation.get("parameters", ()), _REQUEST_ID]
    if method == "post" and ("/events" in path or path == "/v1/feedback"):
        parameters.append(_IDEMPOTENCY_KEY)
    if method == "post" and "/events" in path:
        parameters.append(_SCORE)
    name = operation.get("operationId") or re.sub(r"\W+", "_", f"{method}{path}").strip("_")
    while name in taken:
        name += "_"
    taken.add(name)
    good = {status: told for status, told in operation["responses"].items() if status.startswith("2")}
    if path == "/metrics":  # as Prometheus reads it
        good["200"] = {"description": "Figures", "content": {"text/plain": {"schema": {"type": "string"}}}}
    refusals = () if path in _OPEN else _refusals(operation, path)
    return {
        **operation,
        "operationId": name,
        "tags": [tag],
        "parameters": parameters,
        "responses": {**good, **{status: {"$ref": _REFUSAL} for status in sorted(refusals)}, **_unready(path, good)},
    }


def _refusals(operation: Document, path: str) -> set[str]:
    found = set(_OF_ALL)
    if "requestBody" in operation:
        found |= {*_OF_BODIES, "404", "409"}
    if operation.get("parameters") or "{" in path:
        found |= {*_OF_PARAMETERS, "409"}
    return found


def _unready(path: str, good: Document) -> Document:
    """What asks whether it is ready says the same with another status while a version is missing."""
    is_one = path == "/readyz" or (path.startswith("/v2/") and path.endswith("/ready"))
    return {"503": {**good["200"], "description": "Not everything can be answered yet"}} if is_one else {}
