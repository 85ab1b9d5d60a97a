"""The paths a client calls all day: a call in, a reply out, by the small functions."""

from telltale.serve.edge import Edge
from telltale.serve.http.call import Call, Handle, Reply
from telltale.serve.http.hot_route import HotRoute
from telltale.serve.live.live_task import ROW_KINDS, Place
from telltale.serve.predict.infer import model_name
from telltale.serve.predict.turns import Turns
from telltale.serve.routes.batch_route import batch_route
from telltale.serve.routes.infer_routes import infer_route
from telltale.serve.routes.intake_routes import events_route, feedback_route
from telltale.serve.routes.once_routes import once_routes


def hot_routes(edge: Edge) -> dict[str, HotRoute]:
    """Every hot path of every app, by its full path; all of them take POST."""
    return {**kernel_routes(edge), **dict(once_routes(edge))}


def kernel_routes(edge: Edge) -> dict[str, HotRoute]:
    """Those that every app has."""
    routes = {"/v1/feedback": HotRoute(feedback_route(edge), "ingest", "feedback")}
    for app in edge.apps.values():
        for task in app.tasks:
            place, address = edge.place(app.name, task.name), f"{app.name}/{task.name}"
            routes[f"/v1/{address}/predict"] = HotRoute(_predict_route(edge, place), "predict", address)
            routes[f"/v1/{address}/predict:batch"] = HotRoute(batch_route(edge, place), "predict", address)
            if task.kind in ROW_KINDS:
                infer = HotRoute(infer_route(edge, place, task.kind), "predict", address)
                routes[f"/v2/models/{model_name(place)}/infer"] = infer
        for event in app.events:
            found = HotRoute(events_route(edge, app.name, event), "ingest", f"{app.name}/events/{event.name}")
            routes[f"/v1/{found.subject}"] = found
        if len(app.events) == 1:
            routes[f"/v1/{app.name}/events"] = routes[f"/v1/{app.name}/events/{app.events[0].name}"]
    return routes


def _predict_route(edge: Edge, place: Place) -> Handle:
    limit = edge.settings.max_body_bytes
    turns = Turns(place, edge.settings.turns.get(f"{place.app}/{place.task}"))
    predict = turns.predict if edge.tracing is None else edge.tracing.around("model", turns.predict)

    async def route(call: Call) -> Reply:
        turns.n_coming += 1
        try:
            body = await call.body(limit)
        finally:
            turns.n_coming -= 1
        return Reply(await predict(body))

    return route
