"""Asking a version's model, for any number of rows, windows or queries, and keeping its answers for the log."""

from collections.abc import Sequence
from time import perf_counter

import msgspec
from msgspec.structs import replace

from telltale.contract.answer import Answer, CheckedRow, Input, RowValue
from telltale.contract.query import Query, RankQuery
from telltale.monitor.service_minutes import is_own_fault
from telltale.serve.live.live_task import Live, LiveQueries, LiveTask

# What is sent of one body, or what is wrong with it.
Decided = msgspec.Struct | Exception
Clocks = tuple[float, float]  # time of receipt (epoch seconds), `perf_counter` when the work began
AskedWindow = tuple[Input, bool]  # a window, and whether reasons are wanted

NOT_YET: Exception = LookupError("not answered yet")


def answer_rows(live: LiveTask, rows: Sequence[CheckedRow]) -> Sequence[Answer]:
    """An answer for each row without history, by one call of the model. Raises what the model raises."""
    if len(rows) > 1:
        return live.runtime.answer_rows(rows)
    return [live.runtime.answer_row(*rows[0][:3], explain=rows[0][3])]


def answer_windows(live: LiveTask, windows: Sequence[AskedWindow], received_s: float) -> list[Answer | Exception]:
    """Each with its answer, or with what is wrong with it; one call of the model, two where only some want reasons."""
    answered: list[Answer | Exception] = [NOT_YET] * len(windows)
    for explain in (False, True):
        places = [place for place, window in enumerate(windows) if window[1] is explain]
        if not places:
            continue
        try:
            answers = live.runtime.answer([windows[place][0] for place in places], explain=explain)
        except Exception as error:  # noqa: BLE001 - told to its sender
            # One window that cannot be answered must not cost the others their answers: then each is asked alone.
            if len(places) == 1:
                count_failure(live, error, received_s)
                answered[places[0]] = error
            else:
                for place in places:
                    answered[place] = answer_windows(live, [windows[place]], received_s)[0]
        else:
            for place, answer in zip(places, answers, strict=True):
                answered[place] = answer
    return answered


def with_stored(live: LiveQueries, queries: Sequence[Query]) -> Sequence[Query]:
    """Queries for an order of items, with what is stored of their entities since the version was trained."""
    if live.items_since is None:
        return queries
    return [
        replace(query, had=(*live.items_since(query.entity), *query.had))
        if isinstance(query, RankQuery) and query.entity
        else query
        for query in queries
    ]


def answer_queries(live: LiveQueries, queries: Sequence[Query], received_s: float) -> Sequence[Answer | Exception]:
    """One query that cannot be answered must not cost the others their answers: then each is asked alone."""
    if not queries:
        return []
    try:
        return live.runtime.ask(queries)
    except Exception as error:  # noqa: BLE001 - told to the sender
        if len(queries) == 1:
            count_failure(live, error, received_s)
            return [error]
        return [answer_queries(live, [query], received_s)[0] for query in queries]


def count_failure(live: Live, error: Exception, received_s: float, *, n: int = 1) -> None:
    """Count requests that a version did not answer, unless that is the client's fault."""
    if is_own_fault(error):
        live.failed(live.served, n, received_s)


def keep_answer(  # noqa: PLR0917 - on the hot path, where keywords cost a tenth of the whole
    live: Live,
    prediction_id: str,
    asked: Sequence[RowValue] | Query,
    time_s: float,
    entity: str | None,
    answer: Answer,
    clocks: Clocks,
) -> msgspec.Struct:
    """Keep an answer for the log, and shape it for sending."""
    received_s, began = clocks
    served = live.served
    live.append((served, prediction_id, asked, time_s, entity, answer, perf_counter() - began, received_s))
    return live.shape(served, prediction_id, time_s, entity, answer)
