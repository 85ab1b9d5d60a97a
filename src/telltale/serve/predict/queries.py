"""`predict` for kinds that are asked about an entity: a query in, an answer out, kept for the log like any other."""

from collections.abc import Sequence
from time import perf_counter, time

import msgspec

from telltale.contract.answer import Answer, Query
from telltale.serve.live.live_task import LiveQueries

_Clocks = tuple[float, float]


def ask_many(live: LiveQueries, bodies: Sequence[bytes]) -> list[msgspec.Struct | Exception]:
    """For each body what is sent, or what is wrong with it; the runtime is asked once where nothing is wrong."""
    received_s, began = time(), perf_counter()
    queries: list[Query | Exception] = []
    for body in bodies:
        try:
            queries.append(live.reader.read(body))
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            queries.append(error)
    answers = iter(_ask(live, [query for query in queries if not isinstance(query, Exception)]))
    decided: list[msgspec.Struct | Exception] = []
    for query in queries:
        if isinstance(query, Exception):
            decided.append(query)
            continue
        answer = next(answers)
        decided.append(
            answer if isinstance(answer, Exception) else _keep(live, query, answer, clocks=(received_s, began))
        )
    return decided


def _ask(live: LiveQueries, queries: Sequence[Query]) -> Sequence[Answer | Exception]:
    """One query that cannot be answered must not cost the others their answers: then each is asked alone."""
    if not queries:
        return []
    try:
        return live.runtime.ask(queries)
    except Exception as error:  # noqa: BLE001 - told to the sender
        if len(queries) == 1:
            return [error]
        return [_ask(live, [query])[0] for query in queries]


def _keep(live: LiveQueries, query: Query, answer: Answer, *, clocks: _Clocks) -> msgspec.Struct:
    received_s, began = clocks
    prediction_id = live.new_id()
    live.append(
        (live.served, prediction_id, query, received_s, query.entity, answer, perf_counter() - began, received_s)
    )
    return live.shape(live.served, prediction_id, received_s, query.entity, answer)
