"""The open inference protocol (v2): `/v2/models/{app}.{task}` for every task that decides rows."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from telltale.contract.errors import NotFoundError, UnavailableError
from telltale.contract.kinds import Kind
from telltale.serve.edge import Edge
from telltale.serve.http.body_headers import UnsupportedMediaError
from telltale.serve.http.call import JSON, Call, Handle, Headers, Reply
from telltale.serve.live.live_task import ROW_KINDS, Place
from telltale.serve.predict.infer import ModelMetadata, infer, live_model, metadata, model_name

_BINARY: Final = "inference-header-content-length"
_VERSION: Final = "/versions/{number:str}"


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves."""

    name: str
    version: str
    extensions: list[str]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process runs."""

    live: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Requests can be answered."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """A model can be asked."""

    name: str
    ready: bool


def infer_route(edge: Edge, place: Place, kind: Kind) -> Handle:
    """The route that decides rows of a task by the version that is live."""
    limit = edge.settings.max_body_bytes

    async def route(call: Call) -> Reply:
        _check_plain(call.headers)
        place.asked()
        live = live_model(place)
        return Reply(await infer(live, kind, await call.body(limit), edge.log, pace=edge.guard.pace(call)), JSON)

    return route


def infer_paths(edge: Edge) -> Mapping[str, tuple[Place, Kind]]:
    """The models, by name: every task that decides rows."""
    places = ((edge.place(app.name, task.name), task.kind) for app in edge.apps.values() for task in app.tasks)
    return {model_name(place): (place, kind) for place, kind in places if kind in ROW_KINDS}


def infer_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """What the protocol has beside the hot paths: health, metadata, and models by version."""
    models = infer_paths(edge)

    def model(name: str) -> tuple[Place, Kind]:
        try:
            return models[name]
        except KeyError:
            known = ", ".join(models)
            raise NotFoundError(f"there is no model {name[:60]}", where="path", mend=f"There are: {known}.") from None

    @get("/v2", sync_to_thread=False, summary="Open inference protocol: who serves")
    def server() -> ServerMetadata:
        return ServerMetadata(name="telltale", version=version("telltale-loop"), extensions=[])

    @get("/v2/health/live", sync_to_thread=False, summary="Open inference protocol: the process runs")
    def alive() -> Alive:
        return Alive(live=True)

    @get("/v2/health/ready", sync_to_thread=False, summary="Open inference protocol: requests can be answered")
    def ready() -> Response[Ready]:
        is_ready = not any(place.live is None and place.fault for place in edge.versions.places.values())
        return Response(Ready(ready=is_ready), status_code=200 if is_ready else 503)

    @get("/v2/models/{name:str}", sync_to_thread=False, summary="What a model takes and gives")
    def one(name: FromPath[str]) -> ModelMetadata:
        return metadata(*model(name))

    @get(f"/v2/models/{{name:str}}{_VERSION}", sync_to_thread=False, summary="The same of a version, if it is live")
    def one_version(name: FromPath[str], number: FromPath[str]) -> ModelMetadata:
        return metadata(*model(name), number)

    @get("/v2/models/{name:str}/ready", sync_to_thread=False, summary="Whether a model can be asked")
    def model_ready(name: FromPath[str]) -> Response[ModelReady]:
        return _model_ready(name, model(name)[0])

    @get(f"/v2/models/{{name:str}}{_VERSION}/ready", sync_to_thread=False, summary="Whether a version can be asked")
    def version_ready(name: FromPath[str], number: FromPath[str]) -> Response[ModelReady]:
        return _model_ready(name, model(name)[0], number)

    @post(f"/v2/models/{{name:str}}{_VERSION}/infer", status_code=200, include_in_schema=False)
    async def by_version(
        request: Request[Any, Any, Any], name: FromPath[str], number: FromPath[str]
    ) -> Response[bytes]:
        place, kind = model(name)
        _check_plain(request.headers)
        place.asked()
        live = live_model(place, number)
        return Response(await infer(live, kind, await request.body(), edge.log), media_type=JSON)

    return [server, alive, ready, one, one_version, model_ready, version_ready, by_version]


def _model_ready(name: str, place: Place, number: str | None = None) -> Response[ModelReady]:
    try:
        live_model(place, number)
    except UnavailableError:
        return Response(ModelReady(name=name, ready=False), status_code=503)
    return Response(ModelReady(name=name, ready=True))


def _check_plain(headers: Headers | Mapping[str, str]) -> None:
    """Raise UnsupportedMediaError for tensors in binary, an extension that is not there."""
    if headers.get(_BINARY) is not None:
        raise UnsupportedMediaError(
            "tensors in binary are not taken",
            where=f"header {_BINARY}",
            mend="Send them as JSON: with tritonclient, set_data_from_numpy(..., binary_data=False).",
        )
