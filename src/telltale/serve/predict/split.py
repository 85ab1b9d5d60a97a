"""Two versions of a task on the same traffic: who decides which request, and who answers it in the other's shadow."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TypeVar

from telltale.contract.answer import CheckedRow, RowValue
from telltale.contract.query import Query
from telltale.registry.assignment import decides, unit_of
from telltale.serve.live.columns_at import ColumnsAt, row_at, window_at
from telltale.serve.live.live_task import LiveQueries, LiveTask, Rival
from telltale.serve.live.shadow_scorer import Shadow
from telltale.serve.predict.answering import (
    NOT_YET,
    AskedWindow,
    Clocks,
    Decided,
    answer_queries,
    answer_rows,
    answer_windows,
    count_failure,
    keep_answer,
    with_stored,
)

T = TypeVar("T")
# A version, where its columns stand among the champion's, and who answers in its shadow.
_Side = tuple[LiveTask, ColumnsAt, Shadow]


def rival_decides(rival: Rival, entity: str | None, asked: Sequence[RowValue] | Query) -> bool:
    """Whether a request is the rival's to decide.

    Args:
        rival: beside the champion.
        entity: of the request.
        asked: the last row, in the champion's columns, or the query.
    """
    return rival.percent > 0 and decides(rival.salt, unit_of(entity, asked), rival.percent)


def least_rows(live: LiveTask, entity: str) -> int | None:
    """Stored rows that the version that decides for an entity needs; None for those of the champion's window."""
    rival = live.rival
    if rival is None or not rival_decides(rival, entity, ()):
        return None
    assert isinstance(rival.live, LiveTask)  # a rival is of its champion's kind
    return rival.live.windows.n_rows


def split_rows(live: LiveTask, rival: Rival, rows: Sequence[CheckedRow], clocks: Clocks) -> list[Decided]:
    """Decide rows without history, each by the version whose entity it is; the other answers it behind that."""
    if not rival.percent:
        return _decide_rows(rival, (live, None, rival.shadow), rows, clocks)
    of_rival = [rival_decides(rival, entity, values) for values, _, entity, _ in rows]
    return _split(live, rival, rows, of_rival, _decide_rows, clocks)


def split_windows(live: LiveTask, rival: Rival, windows: Sequence[AskedWindow], clocks: Clocks) -> list[Decided]:
    """The same for windows; in the champion's columns, and as long as either version can use."""
    of_rival = [rival_decides(rival, item.entity, item.rows[-1]) for item, _ in windows]
    return _split(live, rival, windows, of_rival, _decide_windows, clocks)


def split_queries(live: LiveQueries, rival: Rival, queries: Sequence[Query], clocks: Clocks) -> list[Decided]:
    """The same for queries. The other version answers only where the rival decides nothing: lists cost more than scores."""
    other = rival.live
    assert isinstance(other, LiveQueries)  # a rival is of its champion's kind
    decided: list[Decided] = [NOT_YET] * len(queries)
    of_rival = [rival_decides(rival, query.entity, query) for query in queries]
    received_s, _ = clocks
    for decider, mine, own_clocks in _turns((live, other), of_rival, clocks):
        own = with_stored(decider, [queries[place] for place in mine])
        answers = answer_queries(decider, own, received_s)
        for place, query, answer in zip(mine, own, answers, strict=True):
            if isinstance(answer, Exception):
                decided[place] = answer
                continue
            prediction_id = decider.new_id()
            decided[place] = keep_answer(decider, prediction_id, query, received_s, query.entity, answer, own_clocks)
            if not rival.percent:
                rival.offer((rival.shadow, prediction_id, query, received_s))
    return decided


def _split(  # noqa: PLR0917 - called in two places, a few lines above
    live: LiveTask,
    rival: Rival,
    asked: Sequence[T],
    of_rival: Sequence[bool],
    decide: Callable[[Rival, _Side, Sequence[T], Clocks], list[Decided]],
    clocks: Clocks,
) -> list[Decided]:
    other = rival.live
    assert isinstance(other, LiveTask)  # a rival is of its champion's kind
    sides: tuple[_Side, _Side] = (live, None, rival.shadow), (other, rival.columns_at, rival.champion_shadow)
    decided: list[Decided] = [NOT_YET] * len(asked)
    for side, mine, own_clocks in _turns(sides, of_rival, clocks):
        for place, item in zip(mine, decide(rival, side, [asked[place] for place in mine], own_clocks), strict=True):
            decided[place] = item
    return decided


def _turns(sides: tuple[T, T], of_rival: Sequence[bool], clocks: Clocks) -> Iterator[tuple[T, list[int], Clocks]]:
    """Champion and rival with the places of what they decide, if anything, and clocks that leave out the other's turn."""
    received_s, began = clocks
    for side, is_rivals in zip(sides, (False, True), strict=True):
        mine = [place for place, is_so in enumerate(of_rival) if is_so is is_rivals]
        if mine:
            turn_began = perf_counter()
            yield side, mine, (received_s, began)
            began += perf_counter() - turn_began


def _decide_rows(rival: Rival, side: _Side, rows: Sequence[CheckedRow], clocks: Clocks) -> list[Decided]:
    live, columns_at, shadow = side
    received_s, began = clocks
    own = rows if columns_at is None else [row_at(row, columns_at) for row in rows]
    try:
        answers = answer_rows(live, own)
    except Exception as error:  # noqa: BLE001 - told to each sender
        count_failure(live, error, received_s, n=len(own))
        return [error] * len(own)
    # As for a champion alone, without a call for each.
    served, append, new_id, shape, offer = live.served, live.append, live.new_id, live.shape, rival.offer
    latency_s = perf_counter() - began
    decided: list[Decided] = []
    for row, (values, time_s, entity, _), answer in zip(rows, own, answers, strict=True):
        prediction_id = new_id()
        append((served, prediction_id, values, time_s, entity, answer, latency_s, received_s))
        decided.append(shape(served, prediction_id, time_s, entity, answer))
        offer((shadow, prediction_id, row, received_s))
    return decided


def _decide_windows(rival: Rival, side: _Side, windows: Sequence[AskedWindow], clocks: Clocks) -> list[Decided]:
    live, columns_at, shadow = side
    own = windows if columns_at is None else [(window_at(item, columns_at), explain) for item, explain in windows]
    decided: list[Decided] = []
    for (whole, _), (item, _), answer in zip(windows, own, answer_windows(live, own, clocks[0]), strict=True):
        if isinstance(answer, Exception):
            decided.append(answer)
            continue
        prediction_id = live.new_id()
        decided.append(keep_answer(live, prediction_id, item.rows[-1], item.times[-1], item.entity, answer, clocks))
        rival.offer((shadow, prediction_id, whole, clocks[0]))
    return decided
