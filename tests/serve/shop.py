"""A small app with a task of every kind, a schedule over several of them, and paths of its own."""

import random
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import polars as pl

from telltale.contract.app import App, AppSchedule, Task
from telltale.contract.errors import UsageError
from telltale.contract.kinds import Choices, Forecasting, Outcome, Ranking
from telltale.contract.plan import Plan
from telltale.contract.route import Route, RouteRequest
from telltale.contract.schema import Column, EventSchema
from telltale.contract.simulation import Simulation
from telltale.contract.split import LastOfEach, LastShare
from telltale.features.derive import PlanDraft
from telltale.serve.routes.route_context import RouteContext

SAMPLE = EventSchema(
    name="sample",
    columns=(Column(name="load", low=0.0, nullable=True), Column(name="heat", low=0.0, nullable=True)),
    entity="device",
    label="is_bad",
)
VISITS = EventSchema(
    name="visits",
    columns=(
        Column(name="logins", low=0.0),
        Column(name="orders", low=0.0),
        Column(name="note", dtype="str", nullable=True),
        Column(name="mail_cost", nullable=True),
        Column(name="post_cost", nullable=True),
    ),
    entity="user_id",
)
TAKEN = EventSchema(
    name="taken", columns=(Column(name="item", dtype="str"), Column(name="n")), entity="user_id", key=("item",)
)
SALES = EventSchema(name="sales", columns=(Column(name="value"),), entity="series")


def _alarm_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    draft = PlanDraft(frame, columns)
    load, heat = draft.fill("load", limit=2), draft.fill("heat", limit=2)
    return draft.finish(draft.deviation(load), draft.deviation(heat), draft.change(draft.deviation(load), window=3))


def _visits_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    draft = PlanDraft(frame, columns)
    return draft.finish(draft.raw("logins"), draft.raw("orders"))


ALARM = Task(
    name="alarm",
    kind="score",
    event="sample",
    derive_plan=_alarm_plan,
    estimators=("robust_z",),
    targets=(),
    minimum_rows=200,
    schedule="0 * * * *",
    answer_names={"decision": "is_anomaly", "score": "anomaly_score", "time": "timestamp"},
)
HABITS = Task(
    name="habits",
    kind="segment",
    event="visits",
    derive_plan=_visits_plan,
    estimators=("kmeans",),
    targets=(),
    minimum_rows=50,
    schedule="0 2 * * *",
    split=LastShare(gap_rows=0),
)
CHANNEL = Task(
    name="channel",
    kind="choose",
    event="visits",
    derive_plan=_visits_plan,
    estimators=("linear_outcomes",),
    targets=(),
    minimum_rows=50,
    schedule="",
    split=LastShare(gap_rows=0),
    choices=Choices(
        names=("mail", "post"),
        outcomes=(Outcome(name="cost", column="{choice}_cost", weight="logins"),),
        unit="cents",
    ),
)
NEXT = Task(
    name="next",
    kind="rank",
    event="taken",
    estimators=("popular",),
    targets=(),
    minimum_rows=50,
    schedule="0 3 * * 0",
    split=LastOfEach(),
    ranking=Ranking(item="item", weight="n"),
)
TREND = Task(
    name="trend",
    kind="forecast",
    event="sales",
    estimators=("seasonal_naive",),
    targets=(),
    minimum_rows=50,
    schedule="0 4 1 * *",
    split=LastOfEach(n_rows=7, least_rows=21),
    forecasting=Forecasting(value="value", horizon=7),
)


def simulate(event: str, how: Simulation) -> pl.DataFrame:
    rng = random.Random(how.seed)
    start = how.start or datetime(2024, 1, 1, tzinfo=UTC)
    makers = {"sample": _samples, "visits": _visits, "taken": _taken, "sales": _sales}
    rows = makers[event](rng)
    step = timedelta(days=1) if event == "sales" else timedelta(minutes=5)
    frame = pl.DataFrame(rows)
    return frame.with_columns(pl.Series("timestamp", [start + step * at for at in frame["at"]])).drop("at")


def _samples(rng: random.Random) -> list[dict[str, Any]]:
    rows = []
    for at in range(400):
        bad = rng.random() < 0.05
        for device in ("sw-1", "sw-2"):
            load = 100 + rng.gauss(0, 5) + (200 if bad else 0)
            rows.append({"at": at, "device": device, "load": load, "heat": 40 + rng.gauss(0, 1), "is_bad": int(bad)})
    return rows


def _visits(rng: random.Random) -> list[dict[str, Any]]:
    rows = []
    for at in range(300):
        often = at % 2
        logins = float(rng.randint(1, 4) + 30 * often)
        costs = {"mail_cost": 1.0 + logins, "post_cost": 20.0}
        orders = float(rng.randint(0, 2) + 9 * often)
        rows.append({"at": at, "user_id": str(at), "logins": logins, "orders": orders, "note": None} | costs)
    return rows


def _taken(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {"at": at, "user_id": str(at % 40), "item": f"i{min(rng.randint(0, 9), rng.randint(0, 9))}", "n": 1.0}
        for at in range(300)
    ]


def _sales(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {"at": at, "series": name, "value": base + 10 * (at % 7) + rng.gauss(0, 1)}
        for at in range(84)
        for name, base in (("north", 100.0), ("south", 50.0))
    ]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    user_id: int | str
    top_k: Annotated[int, msgspec.Meta(ge=1)] = 5


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str
    limit: int = 10


class Told(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    limit: int
    part: str
    actor: str
    versions: dict[str, int]


def _recommend(context: RouteContext, request: RouteRequest) -> object:
    person: Person = request.body
    if person.user_id == "nobody":
        raise UsageError("nobody is no user", where="user_id", mend="Send a user.")
    return context.predict("shop/next", {"user_id": person.user_id, "top_k": person.top_k})


def _versions(context: RouteContext, request: RouteRequest) -> Told:
    wanted: Wanted = request.query
    served = {f"{app}/{task}": place.live.served.version for (app, task), place in context.places.items() if place.live}
    return Told(kind=wanted.kind, limit=wanted.limit, part=request.path["part"], actor=context.actor, versions=served)


def _train(context: RouteContext, _request: RouteRequest) -> object:
    return {"jobs": context.enqueue("shop", ["habits", "trend"], actor=context.actor, reason="asked for")}


def _break(_context: RouteContext, _request: RouteRequest) -> object:
    return 1 / 0


ROUTES = (
    Route(method="POST", path="/recommend", summary="What next", handle=_recommend, body=Person, max_body_bytes=500),
    Route(
        method="GET", path="/parts/{part}/versions", summary="What serves", handle=_versions, query=Wanted, answer=Told
    ),
    Route(method="POST", path="/train", summary="Train everything", handle=_train, status=202, scope="operate"),
    Route(method="POST", path="/break", summary="Goes wrong", handle=_break),
)

APP = App(
    name="shop",
    title="A shop",
    events=(SAMPLE, VISITS, TAKEN, SALES),
    tasks=(ALARM, HABITS, CHANNEL, NEXT, TREND),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    schedules=(AppSchedule(name="everything", cron="0 5 * * 1", tasks=("habits", "next", "trend")),),
    routes=ROUTES,
)
