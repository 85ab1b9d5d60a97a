"""One OpenAPI document for hot and managed routes, and a page of it that needs no network."""

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from telltale.contract.app import App, Task
from telltale.contract.kinds import Kind, Verification
from telltale.contract.query import ActQuery, ForecastQuery, NextQuery, Query, RankQuery, SimilarQuery, VerifyQuery
from telltale.contract.route import Route
from telltale.contract.schema import Column, EventSchema
from telltale.monitor.feedback import Feedback
from telltale.serve.guard.route_paths import check_path
from telltale.serve.http.call import JSON, NDJSON
from telltale.serve.http.problems import PROBLEM_TYPE, Problem
from telltale.serve.intake.answers import Kept, Received
from telltale.serve.predict.answers import sent_type
from telltale.serve.predict.arrow_batch import ARROW
from telltale.serve.predict.batch import BatchFault
from telltale.serve.predict.infer_tensors import InferAnswer, InferRequest
from telltale.serve.predict.query_bodies import query_body, words_of
from telltale.serve.predict.sample_bodies import sample_body
from telltale.serve.routes.openapi_operations import with_operations_complete

Document = dict[str, Any]
_REF = "#/components/schemas/{name}"
_ID: Document = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
# What the kinds that do not decide rows are asked with.
_QUERIES: Mapping[Kind, type[Query]] = {
    "rank": RankQuery,
    "forecast": ForecastQuery,
    "verify": VerifyQuery,
    "similar": SimilarQuery,
    "next": NextQuery,
    "act": ActQuery,
}
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
        return msgspec.json.encode(with_our_routes(openapi_schema, self._apps))


class PagePlugin(OpenAPIRenderPlugin):
    """The document as plain HTML: the usual viewers load their scripts from elsewhere."""

    def __init__(self, apps: Iterable[App]) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._apps = tuple(apps)

    def render(self, request: Request[Any, Any, Any], openapi_schema: Document) -> bytes:  # noqa: ARG002 - Litestar's signature
        """The bytes to send."""
        return _page(with_our_routes(openapi_schema, self._apps)).encode()


def with_our_routes(document: Document, apps: Iterable[App]) -> Document:
    """Litestar's document with the hot routes and those of apps added, which it does not know."""
    apps = tuple(apps)
    schemas = _Schemas(apps)
    paths: Document = {}
    for app in apps:
        for task in app.tasks:
            base = f"/v1/{app.name}/{task.name}/predict"
            paths[base], paths[f"{base}:batch"] = _predict_paths(schemas, app, task)
            if task.kind not in _QUERIES:
                told = f"Open inference protocol: decide rows of {app.name}/{task.name}"
                paths[f"/v2/models/{app.name}.{task.name}/infer"] = _infer_path(schemas, told)
        for event in app.events:
            paths[f"/v1/{app.name}/events/{event.name}"] = _events_path(schemas, app, event)
        for route in app.routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _route_operation(schemas, route)
    paths["/v1/feedback"] = _post(
        "Say what turned out to be true", _json(schemas.of(Feedback)), _json(schemas.of(Kept)), schemas.of(Problem)
    )
    of_version = _infer_path(schemas, "Open inference protocol: decide rows by a version, if it is live")
    of_version["post"]["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("name", "number")
    ]
    paths["/v2/models/{name}/versions/{number}/infer"] = of_version
    components = document.get("components", {})
    merged = {**components, "schemas": {**_with_undefined(components.get("schemas", {})), **schemas.components}}
    return with_operations_complete(
        {**document, "paths": {**paths, **document.get("paths", {})}, "components": merged},
        apps=[app.name for app in apps],
        routes={route.path: app.name for app in apps for route in app.routes},
    )


def _with_undefined(schemas: Document) -> Document:
    """Figures by name may be undefined, as precision is where nothing was flagged: NaN here, and null in JSON."""
    figures = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    return {
        name: {**schema, "properties": {**schema["properties"], "metrics": figures}}
        if schema.get("properties", {}).get("metrics", {}).get("additionalProperties") == {"type": "number"}
        else schema
        for name, schema in schemas.items()
    }


class _Schemas:
    """JSON schemas of every type that is sent or taken, made at once so that two of one name are told apart."""

    def __init__(self, apps: tuple[App, ...]) -> None:
        types: list[Any] = [BatchFault, Received, Kept, Feedback, Problem, InferRequest, InferAnswer]
        for app in apps:
            types += [sent_type(app.name, task) for task in app.tasks]
            types += [_query_type(app, task) for task in app.tasks if task.kind in _QUERIES]
            types += [kind for route in app.routes for kind in (route.body, route.query, route.answer)]
        self._types = [kind for kind in dict.fromkeys(types) if kind is not None]
        found, self.components = msgspec.json.schema_components(self._types, ref_template=_REF)
        self._found: list[Document] = list(found)

    def of(self, kind: Any) -> Document:
        """The schema of a type, mostly a reference."""
        return self._found[self._types.index(kind)]


def _predict_paths(schemas: _Schemas, app: App, task: Task) -> tuple[Document, Document]:
    """The operations of `predict` and `predict:batch`."""
    answer, fault, problem = schemas.of(sent_type(app.name, task)), schemas.of(BatchFault), schemas.of(Problem)
    event = app.event(task.event)
    if task.kind in _QUERIES:
        body = schemas.of(_query_type(app, task))
        one, told = body, f"Ask {app.name}/{task.name}"
    else:
        body = _row_schema(event, nullable=True)
        many = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": body}}}
        entity = event.entity or "entity"
        alone = {
            "description": "from the newest stored rows",
            "type": "object",
            "required": [entity],
            "properties": {entity: _ID, "explain": {"type": "boolean"}},
        }
        one, told = {"anyOf": [body, many, alone]}, f"Decide one row of {app.name}/{task.name}, or the last of several"
    # Arrow is for rows: columns as of one row, answers with their fields, `version` and `error`.
    arrow = {} if task.kind in _QUERIES else {ARROW: {"schema": {"type": "string", "format": "binary"}}}
    batch = _post(
        f"The same for many: a line in, a line out, in order{'; or an Arrow IPC stream both ways' if arrow else ''}",
        {NDJSON: {"schema": one}, **arrow},
        {NDJSON: {"schema": {"anyOf": [answer, fault]}}, **arrow},
        problem,
    )
    return _post(told, _json(one), _json(answer), problem), batch


def _infer_path(schemas: _Schemas, summary: str) -> Document:
    return _post(summary, _json(schemas.of(InferRequest)), _json(schemas.of(InferAnswer)), schemas.of(Problem))


def _events_path(schemas: _Schemas, app: App, event: EventSchema) -> Document:
    answers = [
        schemas.of(sent_type(app.name, task))
        for task in app.tasks
        if task.event == event.name and task.kind not in _QUERIES
    ]
    told = {"predictions": {"type": "array", "items": {"anyOf": answers}}} if answers else {}
    return _post(
        f"Store events: one object, a list, or one a line{'; ?score=true decides them too' if answers else ''}",
        _json(_row_schema(event, nullable=False)),
        _json({"allOf": [schemas.of(Received), {"type": "object", "properties": told}]}),
        schemas.of(Problem),
    )


def _route_operation(schemas: _Schemas, route: Route) -> Document:
    """A path of an app's own."""
    parameters: list[Document] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in check_path(route.path, where="route")
    ]
    if route.query is not None:
        parameters += [
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "schema": msgspec.json.schema(field.type, ref_template=_REF),
            }
            for field in msgspec.structs.fields(route.query)
        ]
    answer = {} if route.answer is None else _json(schemas.of(route.answer))
    if route.media_type != JSON:
        answer = {route.media_type: {"schema": {"type": "string"}}}
    return {
        "summary": route.summary,
        **({"parameters": parameters} if parameters else {}),
        **({} if route.body is None else {"requestBody": {"required": True, "content": _json(schemas.of(route.body))}}),
        "responses": _responses(str(route.status), answer, schemas.of(Problem)),
    }


def _post(summary: str, body: Document, answer: Document, problem: Document) -> Document:
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": body},
            "responses": _responses("200", answer, problem),
        }
    }


def _responses(status: str, answer: Document, problem: Document) -> Document:
    return {
        status: {"description": "Done", **({"content": answer} if answer else {})},
        "default": {"description": "Refused", "content": {PROBLEM_TYPE: {"schema": problem}}},
    }


def _json(schema: Document) -> Document:
    return {JSON: {"schema": schema}}


@cache
def _sample_body(event: EventSchema, asked: Verification) -> type[msgspec.Struct]:
    return sample_body(event, asked)


def _query_type(app: App, task: Task) -> type[msgspec.Struct]:
    if task.verification is not None:
        return _sample_body(app.event(task.event), task.verification)
    event = app.event(task.event)
    return query_body(event, _QUERIES[task.kind], words_of(task, event))


def _row_schema(event: EventSchema, *, nullable: bool) -> Document:
    """A row of an event. With `nullable`, as it is decided: what a version reads of it is known once it is trained."""
    when = {"description": "ISO 8601 or epoch seconds, UTC", "anyOf": [{"type": "string"}, {"type": "number"}]}
    properties: Document = {event.time: when}
    if event.entity is not None:
        properties[event.entity] = _ID
    properties |= {column.name: _column_schema(column) for column in event.columns}
    if nullable:
        properties["explain"] = {"type": "boolean", "description": "reasons too, where the task has them"}
    # A version trained on other numeric columns wants those instead.
    required = [] if event.any_numeric or nullable else [column.name for column in event.columns if not column.nullable]
    return {"type": "object", "properties": properties, "required": required}


def _column_schema(column: Column) -> Document:
    limits = {key: bound for key, bound in (("minimum", column.low), ("maximum", column.high)) if bound is not None}
    is_text = column.dtype in {"str", "strs"}
    one: Document = (
        {"type": "string"} if is_text else {"type": "integer" if column.dtype == "int" else "number", **limits}
    )
    if column.allowed:
        one["enum"] = list(column.allowed)
    shape = {"type": "array", "items": one} if column.dtype in {"floats", "strs"} else one
    return {**shape, "description": column.unit}


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
