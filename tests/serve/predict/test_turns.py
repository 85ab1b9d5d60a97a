"""Requests that share a call of the model: each gets its own answer, and the one it would have got alone."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.serve.edge import Edge, open_edge
from telltale.serve.live.live_task import Place
from telltale.serve.predict.decide import predict
from telltale.serve.predict.turns import Turns
from telltale.serve.settings import ServeSettings

Row = dict[str, Any]


@pytest.fixture
def place(settings: ServeSettings) -> Iterator[Place]:
    edge: Edge = open_edge(settings)
    edge.start()
    yield edge.place("helios", "anomaly")
    edge.close()


async def _together(turns: Turns, bodies: list[bytes]) -> list[tuple[int, bytes]]:
    async def ask(body: bytes, wait: int) -> tuple[int, bytes]:
        for _ in range(wait):
            await asyncio.sleep(0)
        return await turns.predict(body)

    return await asyncio.gather(*(ask(body, place % 3) for place, body in enumerate(bodies)))


def _told(answer: tuple[int, bytes]) -> tuple[int, Row]:
    status, body = answer
    told: Row = msgspec.json.decode(body)
    told.pop("prediction_id", None)
    return status, told


_changes = st.lists(
    st.tuples(st.floats(0.1, 30), st.floats(0, 1), st.booleans(), st.sampled_from(["", "a", "b"]), st.integers(0, 9)),
    min_size=1,
    max_size=150,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=_changes)
def test_every_answer_is_its_own_requests_and_equals_the_one_given_alone(
    place: Place, row: Row, changes: list[tuple[float, float, bool, str, int]]
) -> None:
    bodies = []
    for times, error_rate, explain, service, kind in changes:
        asked = row | {"event_count": row["event_count"] * times, "error_rate": error_rate, "explain": explain}
        asked["service"] = service
        if kind == 0:
            asked["error_rate"] = 2  # out of range: told to this sender alone
        body = msgspec.json.encode({"rows": [row, row, asked]} if kind == 1 else asked)
        bodies.append(b"{" if kind == 2 else body)

    together = asyncio.run(_together(Turns(place), bodies))

    assert [_told(answer) for answer in together] == [_told(predict(place, body)) for body in bodies]
    ids = [msgspec.json.decode(body).get("prediction_id") for status, body in together if status == 200]
    assert len(set(ids)) == len(ids)


def test_a_request_whose_client_has_gone_costs_no_other_its_answer(place: Place, row: Row) -> None:
    async def ask() -> tuple[int, bytes]:
        turns = Turns(place)
        gone, stays = turns.predict(msgspec.json.encode(row)), turns.predict(msgspec.json.encode(row))
        gone.cancel()
        return await stays

    assert asyncio.run(ask())[0] == 200


def test_no_version_is_told_to_every_request_of_the_turn(row: Row) -> None:
    bodies = [msgspec.json.encode(row)] * 3

    answers = asyncio.run(_together(Turns(Place("helios", "anomaly")), bodies))

    assert [status for status, _ in answers] == [503] * 3
