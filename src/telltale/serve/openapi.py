"""One OpenAPI document for hot and managed routes, and a page of it that needs no network."""

from collections.abc import Iterable
from html import escape
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from telltale.contract.app import App
from telltale.contract.schema import Column, EventSchema
from telltale.monitor.feedback import Feedback
from telltale.serve.batch import BatchFault
from telltale.serve.intake import Received
from telltale.serve.labels import Kept
from telltale.serve.predict import Prediction
from telltale.serve.problems import PROBLEM_TYPE, Problem

Document = dict[str, Any]
_REF = "#/components/schemas/{name}"
_STYLE = """
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.6rem;border:1px solid #8884;border-radius:6px}
details{border-top:1px solid #8884;padding:.4rem 0}summary{cursor:pointer}b{display:inline-block;min-width:4rem}
"""


class DocumentPlugin(OpenAPIRenderPlugin):
    """The document as JSON."""

    def __init__(self, apps: Iterable[App]) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._apps = tuple(apps)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:  # noqa: ARG002 - Litestar's signature
        """The bytes to send."""
        return msgspec.json.encode(with_hot_routes(openapi_schema, self._apps))


class PagePlugin(OpenAPIRenderPlugin):
    """The document as plain HTML: the usual viewers load their scripts from elsewhere."""

    def __init__(self, apps: Iterable[App]) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._apps = tuple(apps)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:  # noqa: ARG002 - Litestar's signature
        """The bytes to send."""
        return _page(with_hot_routes(openapi_schema, self._apps)).encode()


def with_hot_routes(document: Document, apps: Iterable[App]) -> Document:
    """Litestar's document with the hot routes added, which it does not know."""
    _, schemas = msgspec.json.schema_components(
        (Prediction, BatchFault, Received, Kept, Feedback, Problem), ref_template=_REF
    )
    paths: Document = {}
    for app in apps:
        for task in app.tasks:
            row = _row_schema(app.event(task.event))
            many = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": row}}}
            base = f"/v1/{app.name}/{task.name}/predict"
            paths[base] = _post(
                f"Decide one row of {app.name}/{task.name}, or the last of several",
                {"application/json": {"schema": {"anyOf": [row, many]}}},
                {"application/json": {"schema": _ref("Prediction")}},
            )
            paths[f"{base}:batch"] = _post(
                "Decide many rows: a line in, a line out, in order",
                {"application/x-ndjson": {"schema": row}},
                {"application/x-ndjson": {"schema": {"anyOf": [_ref("Prediction"), _ref("BatchFault")]}}},
            )
        for event in app.events:
            paths[f"/v1/{app.name}/events/{event.name}"] = _post(
                "Store events: one object, a list, or one a line; ?score=true decides them too",
                {"application/json": {"schema": _row_schema(event)}},
                {"application/json": {"schema": _ref("Received")}},
            )
    paths["/v1/feedback"] = _post(
        "Say what turned out to be true",
        {"application/json": {"schema": _ref("Feedback")}},
        {"application/json": {"schema": _ref("Kept")}},
    )
    components = document.get("components", {})
    merged = {**components, "schemas": {**components.get("schemas", {}), **schemas}}
    return {**document, "paths": {**paths, **document.get("paths", {})}, "components": merged}


def _post(summary: str, body: Document, answer: Document) -> Document:
    problem = {"description": "Refused", "content": {PROBLEM_TYPE: {"schema": _ref("Problem")}}}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": body},
            "responses": {"200": {"description": "Done", "content": answer}, "default": problem},
        }
    }


def _ref(name: str) -> Document:
    return {"$ref": _REF.format(name=name)}


def _row_schema(event: EventSchema) -> Document:
    when = {"description": "ISO 8601 or epoch seconds, UTC", "anyOf": [{"type": "string"}, {"type": "number"}]}
    properties: Document = {event.time: when}
    if event.entity is not None:
        properties[event.entity] = {"type": "string"}
    properties |= {column.name: _column_schema(column) for column in event.columns}
    # A version trained on other numeric columns wants those instead.
    required = [] if event.any_numeric else [column.name for column in event.columns if not column.nullable]
    return {"type": "object", "properties": properties, "required": required}


def _column_schema(column: Column) -> Document:
    limits = {key: bound for key, bound in (("minimum", column.low), ("maximum", column.high)) if bound is not None}
    return {"type": "string" if column.dtype == "str" else "number", "description": column.unit, **limits}


def _page(document: Document) -> str:
    routes = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = escape(msgspec.json.format(msgspec.json.encode(operation), indent=1).decode())
            summary = escape(operation.get("summary") or "")
            head = f"<b>{escape(method.upper())}</b> <code>{escape(path)}</code> {summary}"
            routes.append(f"<details><summary>{head}</summary><pre>{told}</pre></details>")
    schemas = escape(msgspec.json.format(msgspec.json.encode(document["components"]), indent=1).decode())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>telltale: HTTP</title><style>{_STYLE}</style>'
        '<h1>telltale</h1><p>The same as <a href="/docs/openapi.json">OpenAPI</a>.</p>'
        f"{''.join(routes)}<h2>Schemas</h2><pre>{schemas}</pre></html>"
    )
