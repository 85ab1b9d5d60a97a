"""Alarms over HTTP."""

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from telltale.monitor.alarms import Alarm, active_alarms, read_alarms
from telltale.serve.edge import Edge

_MOST_ALARMS = 1_000


def alarm_routes(edge: Edge) -> list[HTTPRouteHandler]:
    """The routes under /v1/alarms."""
    state = edge.folder.state

    @get(
        "/v1/alarms",
        sync_to_thread=True,
        summary="Alarms that last, oldest first; with all=true every one, newest first",
    )
    def alarms(all: FromQuery[bool] = False, limit: FromQuery[int] = 100) -> list[Alarm]:  # noqa: A002 - the parameter's name
        if not all:
            return active_alarms(state)
        return read_alarms(state, limit=max(0, min(limit, _MOST_ALARMS)))

    return [alarms]
