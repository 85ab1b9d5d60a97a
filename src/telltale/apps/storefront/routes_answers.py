"""Promised paths that answer with a model: what a request, a customer, a basket and a series look like.

Each hands its body to the task's own `predict` and sends what that answers, so that the prediction is logged, counted and
open to feedback like any other, with the fields that clients were promised beside it.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from telltale.apps.storefront.model_types import APP_NAME
from telltale.contract.route import Route, RouteRequest
from telltale.serve.routes.route_context import RouteContext

Count = Annotated[float, Meta(ge=0)]
Items = Annotated[tuple[str | int, ...], Meta(max_length=1_000)]


class RequestBody(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the shop: seconds, bytes, and the client's failed requests in the last minute; the rest is optional."""

    response_time: Count
    request_size: Count
    error_count: Count
    client: str | UnsetType = UNSET
    timestamp: str | float | UnsetType = UNSET
    method: str | UnsetType | None = UNSET
    path: str | UnsetType | None = UNSET
    status: int | UnsetType | None = UNSET
    query: str | UnsetType | None = UNSET
    body: str | UnsetType | None = UNSET
    explain: bool | UnsetType = UNSET


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer did in the last 28 days."""

    login_count: Count
    purchase_count: Count
    cart_count: Count
    favorite_count: Count
    user_id: str | int | UnsetType = UNSET
    timestamp: str | float | UnsetType = UNSET


class RecommendBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks, for how many items; of this visit the items `seen`, oldest first; of one who is not known, the `segment`.

    With `include_seen` what the customer has had may be offered again. `without` are items that are not wanted; `filters` says
    by attribute (`category`, `brand`, `tags`) which values are; `diversity` goes from 0, the best by themselves, to 1, as unlike
    each other as can be.
    """

    user_id: str | int | None = None
    top_k: Annotated[int, Meta(ge=1, le=1_000)] = 5
    seen: Items = ()
    include_seen: bool = False
    without: Items = ()
    filters: dict[str, str | int | Items] = {}
    diversity: Annotated[float, Meta(ge=0, le=1)] = 0.0
    segment: str | None = None


class TrendBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which series, and how many steps ahead; None for as far as the version reaches."""

    series: str | int
    horizon: Annotated[int, Meta(ge=1)] | None = None


def analyze_request(context: RouteContext, request: RouteRequest) -> dict[str, Any]:
    """`is_anomaly` and `anomaly_score` (higher is stranger), beside what `requests` answers."""
    told = context.predict(f"{APP_NAME}/requests", msgspec.to_builtins(request.body))
    return {"is_anomaly": told["decision"], "anomaly_score": told["score"], **told}


def analyze_user(context: RouteContext, request: RouteRequest) -> dict[str, Any]:
    """`cluster` and `cluster_name`, beside what `activity` answers."""
    told = context.predict(f"{APP_NAME}/activity", msgspec.to_builtins(request.body))
    return {"cluster": told["segment"], "cluster_name": told["name"], **told}


def recommend(context: RouteContext, request: RouteRequest) -> dict[str, Any]:
    """`recommendations`, best first, each `{item_id, score}`; `source` says what the order rests on."""
    asked: RecommendBody = request.body
    told = context.predict(f"{APP_NAME}/recommend", msgspec.to_builtins(asked))
    items = told.pop("items")
    return {
        "user_id": asked.user_id,
        "recommendations": [{"item_id": one["item"], "score": one["score"]} for one in items],
        **told,
    }


def analyze_trend(context: RouteContext, request: RouteRequest) -> dict[str, Any]:
    """`forecast`, a step each `{time, value, low, high}`, beside the method and the level of the interval."""
    asked: TrendBody = request.body
    told = context.predict(f"{APP_NAME}/trend", msgspec.to_builtins(asked))
    steps = told.pop("steps")
    return {"series": asked.series, "horizon": len(steps), "forecast": steps, **told}


ANSWER_ROUTES = (
    Route(
        method="POST",
        path="/analyze/request",
        summary="Is this request to the shop anomalous?",
        handle=analyze_request,
        body=RequestBody,
    ),
    Route(
        method="POST", path="/analyze/user", summary="Who is this customer like?", handle=analyze_user, body=UserBody
    ),
    Route(
        method="POST", path="/recommend", summary="What next, for this customer?", handle=recommend, body=RecommendBody
    ),
    Route(
        method="POST",
        path="/analyze/trend",
        summary="How does this series go on?",
        handle=analyze_trend,
        body=TrendBody,
    ),
)
