"""`predict` for kinds that are asked about an entity: a query in, an answer out, kept for the log like any other."""

from collections.abc import Sequence
from time import perf_counter

from telltale.contract.query import Query
from telltale.serve.live.live_task import LiveQueries
from telltale.serve.predict.answering import Clocks, Decided, answer_queries, keep_answer, with_stored
from telltale.serve.predict.split import split_queries


def ask_many(live: LiveQueries, bodies: Sequence[bytes]) -> list[Decided]:
    """For each body what is sent, or what is wrong with it; the runtime is asked once where nothing is wrong."""
    clocks = live.clock(), perf_counter()
    queries: list[Query | Exception] = []
    for body in bodies:
        try:
            queries.append(live.reader.read(body))
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            queries.append(error)
    asked = iter(_decide(live, [query for query in queries if not isinstance(query, Exception)], clocks))
    return [query if isinstance(query, Exception) else next(asked) for query in queries]


def _decide(live: LiveQueries, queries: Sequence[Query], clocks: Clocks) -> list[Decided]:
    if live.rival is not None:
        return split_queries(live, live.rival, queries, clocks)
    queries = with_stored(live, queries)
    return [
        answer
        if isinstance(answer, Exception)
        else keep_answer(live, live.new_id(), query, clocks[0], query.entity, answer, clocks)
        for query, answer in zip(queries, answer_queries(live, queries, clocks[0]), strict=True)
    ]
