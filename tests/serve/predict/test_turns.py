"""Requests that share a call of the model: each gets its own answer, and the one it would have got alone."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.answer import Input
from telltale.contract.errors import SchemaError, TelltaleError
from telltale.contract.simulation import Simulation
from telltale.serve.edge import open_edge
from telltale.serve.http.problems import encode_problem
from telltale.serve.live.live_task import LiveTask, Place
from telltale.serve.predict.decide import predict, predict_many
from telltale.serve.predict.turns import Turns
from telltale.serve.settings import ServeSettings, TurnLimits
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.frames import ENTITY
from telltale.train.sources import check_simulated

Row = dict[str, Any]
Answer = tuple[int, bytes]
_PATIENT = TurnLimits(max_requests=8, max_wait_s=0.002)
_STORED = "kept"


class Sent(NamedTuple):
    """One request of a crowd.

    Args:
        times: its count of events, as a multiple of the usual.
        error_rate: of the row.
        kind: what its body is.
        wait: turns of the loop before it is sent.
        is_gone: its client leaves before the answer.
    """

    times: float
    error_rate: float
    kind: str
    wait: int
    is_gone: bool

    def body(self, row: Row) -> bytes:
        asked = row | {"event_count": row["event_count"] * self.times, "error_rate": self.error_rate}
        match self.kind:
            case "explained":
                return msgspec.json.encode(asked | {"explain": True})
            case "window":
                return msgspec.json.encode({"rows": [row, row, asked]})
            case "explained window":
                return msgspec.json.encode({"rows": [row, asked], "explain": True})
            case "stored":
                return msgspec.json.encode({"service": _STORED})
            case "not stored":
                return b'{"service": "nobody"}'
            case "out of range":
                return msgspec.json.encode(asked | {"error_rate": 2})
            case "window back in time":
                earlier = asked | {"timestamp": "2023-01-01T00:00:00Z"}
                return msgspec.json.encode({"rows": [row, earlier]})
            case "broken":
                return b'{"event_count": 1'
        return msgspec.json.encode(asked)


_KINDS = [
    "row", "row", "row", "explained", "window", "explained window", "stored", "not stored", "out of range",
    "window back in time", "broken",
]  # fmt: skip
_crowds = st.lists(
    st.builds(
        Sent,
        times=st.floats(0.1, 30),
        error_rate=st.floats(0, 1),
        kind=st.sampled_from(_KINDS),
        wait=st.integers(0, 4),
        is_gone=st.integers(0, 9).map(lambda drawn: drawn == 0),
    ),
    min_size=1,
    max_size=150,
)


@pytest.fixture
def place(settings: ServeSettings) -> Iterator[Place]:
    """helios/anomaly, with rows of a service stored."""
    edge = open_edge(settings)
    checked = check_simulated(APP, ANOMALY.event, Simulation(n_rows=300, seed=3))
    store = EventStore(edge.folder.events)
    frame = checked.frame.with_columns(pl.lit(_STORED).alias(ENTITY))
    store.add(APP.name, ANOMALY.event, frame, checked.columns, source="test", now=datetime.now(UTC))
    edge.start()
    yield edge.place(APP.name, ANOMALY.name)
    edge.close()


async def _answer(turns: Turns, body: bytes) -> Answer:
    try:
        return 200, await turns.predict(body)
    except TelltaleError as error:
        return encode_problem(error)


async def _together(turns: Turns, crowd: list[Sent], row: Row) -> list[Answer | None]:
    """What each was answered; None for those whose client left."""

    async def ask(sent: Sent) -> Answer:
        turns.n_coming += 1
        try:
            for _ in range(sent.wait):
                await asyncio.sleep(0)
        finally:
            turns.n_coming -= 1
        return await _answer(turns, sent.body(row))

    tasks = [asyncio.create_task(ask(sent)) for sent in crowd]
    for sent, task in zip(crowd, tasks, strict=True):
        if sent.is_gone:
            asyncio.get_running_loop().call_soon(task.cancel)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, asyncio.CancelledError):
            raise answer
    return [None if isinstance(answer, BaseException) else answer for answer in answers]


def _told(answer: Answer) -> tuple[int, Row]:
    status, body = answer
    told: Row = msgspec.json.decode(body)
    told.pop("prediction_id", None)
    return status, told


@pytest.mark.parametrize("limits", [TurnLimits(), TurnLimits(max_requests=3), _PATIENT], ids=["usual", "small", "wait"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowd=_crowds)
def test_every_answer_is_its_own_requests_and_exactly_the_one_given_alone(
    place: Place, row: Row, limits: TurnLimits, crowd: list[Sent]
) -> None:
    together = asyncio.run(_together(Turns(place, limits), crowd, row))

    answered = [(sent, answer) for sent, answer in zip(crowd, together, strict=True) if answer is not None]
    assert len(answered) >= sum(not sent.is_gone for sent in crowd)
    assert [_told(answer) for _, answer in answered] == [_told(predict(place, sent.body(row))) for sent, _ in answered]
    ids = [msgspec.json.decode(body).get("prediction_id") for _, (status, body) in answered if status == 200]
    assert len(set(ids)) == len(ids)


def test_a_request_whose_client_has_gone_costs_no_other_its_answer(place: Place, row: Row) -> None:
    async def ask() -> Answer:
        turns = Turns(place)
        gone, stays = (asyncio.create_task(_answer(turns, msgspec.json.encode(row))) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(ask())[0] == 200


def test_no_version_is_told_to_every_request_of_the_turn(row: Row) -> None:
    crowd = [Sent(times=1, error_rate=0, kind="row", wait=0, is_gone=False)] * 3

    answers = asyncio.run(_together(Turns(Place("helios", "anomaly")), crowd, row))

    assert [answer and answer[0] for answer in answers] == [503] * 3


@pytest.fixture
def calls(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bodies each call of the model was asked for."""
    seen: list[int] = []

    def counted(asked: Place, bodies: list[bytes]) -> list[bytes | Exception]:
        seen.append(len(bodies))
        return predict_many(asked, bodies)

    monkeypatch.setattr("telltale.serve.predict.turns.predict_many", counted)
    return seen


def _ask_all(turns: Turns, bodies: list[bytes], *, n_coming: int = 0) -> float:
    """Ask at the same moment; the seconds it took."""

    async def ask() -> float:
        turns.n_coming = n_coming
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*map(turns.predict, bodies))
        return loop.time() - began

    return asyncio.run(ask())


def test_requests_at_hand_share_a_call_up_to_the_limit(place: Place, row: Row, calls: list[int]) -> None:
    _ask_all(Turns(place, TurnLimits(max_requests=4)), [msgspec.json.encode(row)] * 10)

    assert sorted(calls) == [2, 4, 4]


def test_a_lone_request_waits_for_nobody_though_it_might(place: Place, row: Row, calls: list[int]) -> None:
    seconds = _ask_all(Turns(place, TurnLimits(max_wait_s=5.0)), [msgspec.json.encode(row)])

    assert calls == [1]
    assert seconds < 1.0


def test_a_request_waits_no_longer_than_its_limit_for_one_that_does_not_come(
    place: Place, row: Row, calls: list[int]
) -> None:
    seconds = _ask_all(Turns(place, TurnLimits(max_wait_s=0.05)), [msgspec.json.encode(row)], n_coming=1)

    assert calls == [1]
    assert 0.04 < seconds < 1.0


def test_a_full_turn_does_not_wait_for_more(place: Place, row: Row, calls: list[int]) -> None:
    limits = TurnLimits(max_requests=2, max_wait_s=5.0)

    seconds = _ask_all(Turns(place, limits), [msgspec.json.encode(row)] * 2, n_coming=1)

    assert calls == [2]
    assert seconds < 1.0


class Watched:
    """A runtime that tells how many windows each call was asked for, and has no answer for one kind of window.

    Args:
        live: whose runtime answers.
        refused: the number of rows of windows that break a call.
    """

    def __init__(self, live: LiveTask, *, refused: int = 0) -> None:
        self._runtime = live.runtime
        self._refused = refused
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def answer(self, inputs: list[Input], *, explain: bool = False) -> Any:
        self.asked.append(len(inputs))
        if any(len(item.rows) == self._refused for item in inputs):
            raise SchemaError("this window breaks a call", where="test")
        return self._runtime.answer(inputs, explain=explain)


def _watch(place: Place, monkeypatch: pytest.MonkeyPatch, *, refused: int = 0) -> Watched:
    live = place.live
    assert isinstance(live, LiveTask)
    watched = Watched(live, refused=refused)
    monkeypatch.setattr(place, "live", msgspec.structs.replace(live, runtime=watched))
    return watched


def test_windows_of_a_turn_share_a_call_of_the_model(place: Place, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _watch(place, monkeypatch)
    window = msgspec.json.encode({"rows": [row, row]})

    _ask_all(Turns(place), [window, window, msgspec.json.encode({"service": _STORED}), window])

    assert watched.asked == [4]


def test_a_window_without_an_answer_costs_no_other_its_answer(
    place: Place, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    _watch(place, monkeypatch, refused=3)
    bodies = [msgspec.json.encode({"rows": [row] * n_rows}) for n_rows in (2, 3, 2)]

    async def ask() -> list[Answer]:
        turns = Turns(place)
        return await asyncio.gather(*(_answer(turns, body) for body in bodies))

    assert [status for status, _ in asyncio.run(ask())] == [200, 422, 200]
