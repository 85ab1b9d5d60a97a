"""`POST /v1/eyenet/deploy`: a version is tried, judged and put in place; whatever is wrong, the one before goes on."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from telltale.contract.errors import BundleError, ConflictError
from telltale.contract.route import Route, RouteRequest
from telltale.models.runtimes import load_runtime
from telltale.serve.live.event_match import check_event
from telltale.serve.routes.route_context import RouteContext

_APP: Final = "eyenet"
_TASK: Final = "anomaly"


class Deployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version (a number, a label or "latest"), why, and whether it is to serve although its gate said no.

    A version whose gate did not say yes needs a reason.
    """

    version: int | str
    reason: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    override: bool = False


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done; anything else is a problem document."""

    message: str
    version: int
    status: Literal["success"] = "success"


def deploy(context: RouteContext, request: RouteRequest) -> Deployed:
    """Load a version, let it answer its self-test, ask its gate, make it champion, and serve with it.

    What `telltale promote` does, and the server that was asked has it when this answers; others within half a second.

    Raises:
        NotFoundError: there is no such version.
        BundleError: a file of it is damaged, it fails its self-test, or it reads other events.
        GateError: its gate said no, and `override` is not set.
        UsageError: its gate did not say yes, and no reason is given.
        ConflictError: it serves already, is retired, or another was promoted meanwhile.
    """
    asked: Deployment = request.body
    version = context.registry.resolve(_APP, _TASK, str(asked.version))
    runtime = load_runtime(version.path, expected=version.files, where=version.reference)
    app = context.app(_APP)
    task = next(task for task in app.tasks if task.name == _TASK)
    check_event(runtime.manifest, app, task, runtime.columns, where=version.reference)
    runtime.self_test()
    before = context.registry.champion(_APP, _TASK)
    promoted = context.registry.promote(
        _APP,
        _TASK,
        version.number,
        actor=context.actor,
        reason=asked.reason,
        now=datetime.now(UTC),
        override=asked.override,
    )
    context.refresh()
    place = context.places[_APP, _TASK]
    if place.fault:
        raise BundleError(place.fault, where=promoted.reference, mend=place.mend)
    serving = place.required().served.version
    if serving != promoted.number:
        raise ConflictError(
            f"version {serving} was promoted meanwhile", where=promoted.reference, mend="Look: GET /v1/versions."
        )
    told = "" if before is None else f" in place of version {before.number}"
    return Deployed(message=f"version {promoted.number} serves{told}", version=promoted.number)


DEPLOY: Final = Route(
    method="POST",
    path="/v1/eyenet/deploy",
    summary="Try a version, ask its gate, and serve with it; the one before goes on where anything is wrong.",
    handle=deploy,
    body=Deployment,
    answer=Deployed,
    scope="operate",
)

DEPLOY_ROUTES: Final = (DEPLOY,)
