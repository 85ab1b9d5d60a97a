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


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a release has put beside a champion.

    Args:
        version: which version.
        role: "challenger" where it decides for some entities, else "shadow".
        percent: of entities that it decides for.
    """

    version: int
    role: str
    percent: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the server does.

    Args:
        status: "ok", or "degraded" while there is a state.
        ready: whether `/readyz` says 200.
        states: what is not as it should be. Not ready: "starting" (the registry was not read yet), "stopping" (a signal
            came), "version_missing" (a promoted task has no version that serves), "database_unwritable" (events cannot be
            stored; probed once a second). Ready all the same: "version_not_loaded" (an older version serves than the
            promoted one, or the version of a release is not beside the champion), "registry_unreadable" (what serves goes
            on; promotions are not seen), "predictions_dropped" (an answer of the last minute was not logged).
        models_loaded: the tasks that are answered.
        versions: every task, and what answers for it.
        beside: the tasks with a release under way, and what stands beside what answers.
        faults: by task why the promoted version, or that of a release, does not serve; besides "registry" and "events" where
            one is at fault.
        predictions_written: to the log by this process since it started.
        predictions_waiting: answered and not on disk yet.
        predictions_dropped: answered and never logged, by this process since it started.
        shadows_answered: by versions that did not decide, on disk, by this process since it started.
        shadows_waiting: requests that have their answer, and wait for that of another version.
        shadows_dropped: requests that no other version will answer, since too many came.
        uptime_s: since this process started.
    """

    status: str
    ready: bool
    states: list[State]
    models_loaded: list[str]
    versions: dict[str, ServingVersion | None]
    beside: dict[str, Beside]
    faults: dict[str, str]
    predictions_written: int
    predictions_waiting: int
    predictions_dropped: int
    shadows_answered: int
    shadows_waiting: int
    shadows_dropped: int
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
    beside, faults = {}, {}
    for place in edge.versions.places.values():
        live = place.live
        served = live.served if live is not None else None
        address = f"{place.app}/{place.task}"
        versions[address] = ServingVersion(version=served.version, role=served.role) if served is not None else None
        if live is not None and (rival := live.rival) is not None:
            told = rival.live.served
            beside[address] = Beside(version=told.version, role=told.role, percent=rival.percent)
        if place.fault or place.rival_fault:
            faults[address] = place.fault or place.rival_fault
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
        beside=beside,
        faults=faults | {name: fault for name, fault in of_files.items() if fault},
        predictions_written=edge.log.n_written,
        predictions_waiting=edge.log.n_waiting,
        predictions_dropped=edge.log.n_dropped,
        shadows_answered=edge.shadows.n_answered,
        shadows_waiting=edge.shadows.n_waiting,
        shadows_dropped=edge.shadows.n_dropped,
        uptime_s=round(monotonic() - edge.started_s, 1),
    )
