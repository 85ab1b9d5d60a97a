"""`GET /v1/eyenet/models`: every version of the model, as the document that a registry of models keeps of one."""

from collections.abc import Container
from datetime import datetime
from typing import Final, Literal

import msgspec

from telltale.contract.estimator import Parameter
from telltale.contract.route import Route, RouteRequest
from telltale.registry.versions import Version
from telltale.serve.routes.route_context import RouteContext

_APP: Final = "eyenet"
_TASK: Final = "anomaly"
_PRODUCTION: Final = "production"

Status = Literal["staging", "production", "archived"]


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a version was trained with.

    Args:
        estimator: the model's name.
        parameters: of the estimator, defaults included.
        seed: of all that is drawn in training.
        threshold: from which score on the decision is yes.
    """

    estimator: str
    parameters: dict[str, Parameter]
    seed: int
    threshold: float | None = None


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A version.

    Args:
        version: 1, 2, 3, …, never given twice.
        timestamp: when it was registered.
        metrics: its figures on rows held out of its training; null where one is undefined.
        config: what it was trained with; null where its files are gone or damaged.
        status: `production` of the one that decides, `archived` of one that did and of one that was retired, `staging` of any
            other.
        artifact_path: the directory of its files, below that of all artifacts; null where they are gone.
    """

    version: int
    timestamp: datetime
    metrics: dict[str, float | None]
    config: ModelConfig | None
    status: Status
    artifact_path: str | None


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """Every version, oldest first."""

    models: tuple[ModelDocument, ...]


def models(context: RouteContext, _request: RouteRequest) -> Models:
    """Every version, those whose files are gone included."""
    decided = _have_decided(context)
    versions = context.registry.versions(_APP, _TASK)
    return Models(models=tuple(_document(version, decided) for version in versions))


def model(context: RouteContext, request: RouteRequest) -> ModelDocument:
    """One version, by its number, or the one in production.

    Raises:
        NotFoundError: there is no such version, its files are gone, or none is in production.
    """
    asked = request.path["version"]
    version = context.registry.resolve(_APP, _TASK, "champion" if asked == _PRODUCTION else asked)
    return _document(version, _have_decided(context))


def _have_decided(context: RouteContext) -> frozenset[int]:
    history = context.registry.history(_APP, _TASK)
    return frozenset(move.number for move in history if move.role_to == "champion")


def _document(version: Version, decided: Container[int]) -> ModelDocument:
    is_there = version.removed_at is None
    return ModelDocument(
        version=version.number,
        timestamp=version.created_at,
        metrics=dict(version.metrics),
        config=_config(version),
        status=_status(version, decided),
        # Where the directory of all artifacts lies on the server is nobody's business.
        artifact_path=version.path.relative_to(version.path.parents[2]).as_posix() if is_there else None,
    )


def _status(version: Version, decided: Container[int]) -> Status:
    if version.role == "champion":
        return "production"
    has_left = version.role == "retired" or (version.role == "none" and version.number in decided)
    return "archived" if has_left else "staging"


def _config(version: Version) -> ModelConfig | None:
    """As the bundle tells it; None where its file is gone, or cannot be read, of which whoever deploys it will hear."""
    try:
        return msgspec.json.decode((version.path / "manifest.json").read_bytes(), type=ModelConfig)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


MODEL_ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/eyenet/models",
        summary="Every version of the anomaly model, with its metrics, configuration and status.",
        handle=models,
        answer=Models,
    ),
    Route(
        method="GET",
        path="/v1/eyenet/models/{version}",
        summary="One version by its number; `production` is the one that decides, `latest` the newest.",
        handle=model,
        answer=ModelDocument,
    ),
)
