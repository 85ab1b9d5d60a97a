"""`GET /v1/eyenet/devices`: every device's newest five minutes, decided at once and the worst first."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
import polars as pl

from telltale.apps.eyenet.routes_deploy import DEPLOY_ROUTES
from telltale.apps.eyenet.routes_models import MODEL_ROUTES
from telltale.contract.answer import Context, Reason
from telltale.contract.errors import UsageError
from telltale.contract.route import Route, RouteRequest
from telltale.serve.predict.newest import NewestAnswer
from telltale.serve.routes.route_context import RouteContext
from telltale.telemetry.times import parse_times, show_time, time_fault

_TASK: Final = "eyenet/anomaly"
_MOST_LISTED: Final = 10_000


class DevicesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices, in which order, and how many of them are listed.

    Args:
        sort: `score`, the highest first; `time`, the newest first; `name`.
        limit: of each list.
        changed_since: only devices with a row at or after this moment (ISO 8601 or epoch seconds), by the time in the row.
    """

    sort: Literal["score", "name", "time"] = "score"
    limit: Annotated[int, msgspec.Meta(ge=1, le=_MOST_LISTED)] = 100
    changed_since: str | None = None


class DeviceScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device, as its own `predict {"device_id": …}` would tell of it at that moment.

    Args:
        device_id: the device.
        score: higher is more likely a fault.
        decision: whether it is one: `score >= threshold`.
        threshold: of the version that decided.
        context: `window`, as no device is told of before it has a whole one.
        n_rows: rows of the window.
        timestamp: of its newest row.
        version: that decided.
        reasons: where the decision is yes, and left out where there are none.
        entity_is_new: the version has learnt no levels of this device's own; left out where it has.
    """

    device_id: str
    score: float
    decision: bool
    threshold: float
    context: Context
    n_rows: int
    timestamp: str
    version: int
    reasons: tuple[Reason, ...] = ()
    entity_is_new: bool = False


class NotEnoughData(msgspec.Struct, frozen=True, kw_only=True):
    """A device that nothing is said of: so many rows of it can be read, and it takes so many more."""

    device_id: str
    n_rows: int
    n_more: int


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """The devices that were looked at; the numbers are of all, the lists of `limit` at most.

    Args:
        devices: decided, in the order asked for.
        not_enough_data: with too few rows, those that lack the fewest first.
        n_devices: decided.
        n_not_enough: with too few rows.
        n_anomalous: decided as anomalous.
    """

    devices: tuple[DeviceScore, ...]
    not_enough_data: tuple[NotEnoughData, ...]
    n_devices: int
    n_not_enough: int
    n_anomalous: int


def devices(context: RouteContext, request: RouteRequest) -> Devices:
    """Decide every device that has rows. Not kept in the log of predictions; see `RouteContext.newest`.

    Raises:
        UsageError: `changed_since` is no time.
        UnavailableError: no version serves.
    """
    asked: DevicesQuery = request.query
    found = context.newest(_TASK, since=None if asked.changed_since is None else _moment(asked.changed_since))
    answers = list(found.answers)  # by name
    if asked.sort == "score":
        answers.sort(key=lambda one: -one.answer.score)
    elif asked.sort == "time":
        answers.sort(key=lambda one: one.at, reverse=True)
    waiting = sorted(found.too_few, key=lambda one: one.n_more)
    return Devices(
        devices=tuple(_shown(one) for one in answers[: asked.limit]),
        not_enough_data=tuple(
            NotEnoughData(device_id=one.entity, n_rows=one.n_rows, n_more=one.n_more) for one in waiting[: asked.limit]
        ),
        n_devices=len(answers),
        n_not_enough=len(waiting),
        n_anomalous=sum(one.answer.decision for one in answers),
    )


def _shown(one: NewestAnswer) -> DeviceScore:
    return DeviceScore(
        device_id=one.entity,
        score=one.answer.score,
        decision=one.answer.decision,
        threshold=one.answer.threshold,
        context=one.answer.context,
        n_rows=one.n_rows,
        timestamp=show_time(one.at),
        version=one.served.version,
        reasons=one.answer.reasons,
        entity_is_new=one.answer.entity_is_new,
    )


def _moment(text: str) -> datetime:
    moment: datetime | None = parse_times(pl.Series([text]))[0]
    if moment is None:
        raise UsageError(
            f"{text!r} {time_fault(text)}",
            where="query string, changed_since",
            mend="Send ISO 8601, as in 2024-01-03T14:30:00Z (a + as %2B), or epoch seconds.",
        )
    return moment


DEVICES: Final = Route(
    method="GET",
    path="/v1/eyenet/devices",
    summary="The newest window of every device, decided at once; the worst first.",
    handle=devices,
    query=DevicesQuery,
    answer=Devices,
    scope="read",
)

ROUTES: Final = (DEVICES, *DEPLOY_ROUTES, *MODEL_ROUTES)
