"""How the server does: alive, ready, and all of it."""

from time import monotonic
from typing import Final, Literal

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from telltale.serve.edge import Edge

State = Literal[
    "starting",
    "stopping",
    "version_missing",
    "database_unwritable",
    "version_not_loaded",
    "registry_unreadable",
    "predictions_dropped",
]
# With one of these, requests would be refused: a load balancer should send them elsewhere.
NOT_READY: Final[frozenset[State]] = frozenset({"starting", "stopping", "version_missing", "database_unwritable"})


class ServingVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What answers for a task now."""

    version: int
    role: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the server does.

    Args:
        status: "ok", or "degraded" while there is a state.
        ready: whether `/readyz` says 200.
        states: what is not as it should be. Not ready: "starting" (the registry was not read yet), "stopping" (a signal
            came), "version_missing" (a promoted task has no version that serves), "database_unwritable" (events cannot be
            stored; probed once a second). Ready all the same: "version_not_loaded" (an older version serves than the
            promoted one), "registry_unreadable" (what serves goes on; promotions are not seen), "predictions_dropped"
            (an answer of the last minute was not logged).
        models_loaded: the tasks that are answered.
        versions: every task, and what answers for it.
        faults: by task why the promoted version does not serve; besides "registry" and "events" where one is at fault.
        predictions_written: to the log by this process since it started.
        predictions_waiting: answered and not on disk yet.
        predictions_dropped: answered and never logged, by this process since it started.
        uptime_s: since this process started.
    """

    status: str
    ready: bool
    states: list[State]
    models_loaded: list[str]
    versions: dict[str, ServingVersion | None]
    faults: dict[str, str]
    predictions_written: int
    predictions_waiting: int
    predictions_dropped: int
    uptime_s: float


def health_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """`/health`, `/healthz` and `/readyz`."""

    @get("/health", sync_to_thread=False, summary="What is served, and whether all is well")
    def health() -> Health:
        return health_of(edge)

    @get("/healthz", sync_to_thread=False, summary="The process is alive")
    def alive() -> dict[str, str]:
        return {"status": "ok"}

    @get("/readyz", sync_to_thread=False, summary="Requests can be answered")
    def ready() -> Response[Health]:
        told = health_of(edge)
        return Response(told, status_code=200 if told.ready else 503)

    return [health, alive, ready]


def health_of(edge: Edge) -> Health:
    """How a process does, from what it holds in memory: nothing is asked of a database."""
    versions: dict[str, ServingVersion | None] = {}
    faults = {}
    for place in edge.versions.places.values():
        served = place.live.served if place.live is not None else None
        address = f"{place.app}/{place.task}"
        versions[address] = ServingVersion(version=served.version, role=served.role) if served is not None else None
        if place.fault:
            faults[address] = place.fault
    holds: dict[State, bool] = {
        "starting": not edge.versions.is_loaded,
        "stopping": edge.stopping.is_asked,
        "version_missing": any(versions[address] is None for address in faults),
        "database_unwritable": bool(edge.watch.events_fault),
        "version_not_loaded": any(versions[address] is not None for address in faults),
        "registry_unreadable": bool(edge.versions.registry_fault),
        "predictions_dropped": edge.watch.is_dropping,
    }
    states = [state for state, is_so in holds.items() if is_so]
    of_files = {"registry": edge.versions.registry_fault, "events": edge.watch.events_fault}
    return Health(
        status="degraded" if states else "ok",
        ready=NOT_READY.isdisjoint(states),
        states=states,
        models_loaded=[address for address, serving in versions.items() if serving is not None],
        versions=versions,
        faults=faults | {name: fault for name, fault in of_files.items() if fault},
        predictions_written=edge.log.n_written,
        predictions_waiting=edge.log.n_waiting,
        predictions_dropped=edge.log.n_dropped,
        uptime_s=round(monotonic() - edge.started_s, 1),
    )
