"""`predict`: a body in, an answer out.

No data frame, thread hop, lock, log line or database row per request: together they would cost more than the model.
"""

from collections.abc import Sequence
from time import perf_counter, time

import msgspec

from telltale.contract.answer import Answer, CheckedRow, Input
from telltale.serve.http.problems import encode_problem
from telltale.serve.live.live_task import Live, LiveQueries, LiveTask, Place
from telltale.serve.predict.bodies import Window
from telltale.serve.predict.queries import ask_many

# What is sent of one body, or what is wrong with it.
Decided = msgspec.Struct | Exception
_Clocks = tuple[float, float]  # time of receipt (epoch seconds), `perf_counter` when the work began

_encode = msgspec.json.Encoder().encode
_WAITING: Exception = LookupError("not answered yet")


def predict(place: Place, body: bytes) -> tuple[int, bytes]:
    """The status and the body to answer `POST /v1/{app}/{task}/predict` with."""
    return predict_many(place, [body])[0]


def predict_many(place: Place, bodies: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """The same for several requests, in order; the model is asked once."""
    try:
        decided = decide_many(place.required(), bodies)
    except Exception as error:  # noqa: BLE001 - an edge: each error becomes a problem document, foreign ones are logged
        return [encode_problem(error)] * len(bodies)
    return [encode_problem(item) if isinstance(item, Exception) else (200, _encode(item)) for item in decided]


def decide_many(live: Live, bodies: Sequence[bytes]) -> Sequence[Decided]:
    """Decode, answer, and keep the answers for the log; for each body its answer, or what is wrong with it."""
    if isinstance(live, LiveQueries):
        return ask_many(live, bodies)
    return _decide_rows(live, bodies)


def _decide_rows(live: LiveTask, bodies: Sequence[bytes]) -> list[Decided]:
    """Rows without history share one call of the model; windows have one each."""
    clocks = received_s, _ = time(), perf_counter()
    decided: list[Decided] = []
    rows: list[CheckedRow] = []
    places: list[int] = []
    for place, body in enumerate(bodies):
        try:
            row = live.reader.row(body)
            if row is None:
                decided.append(_decide_window(live, live.reader.window(body), clocks))
                continue
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            decided.append(_decide_stored(live, body, error, clocks))
            continue
        values, given_s, entity, explain = row
        rows.append((values, received_s if given_s is None else given_s, entity, explain))
        places.append(place)
        decided.append(_WAITING)
    try:
        if len(rows) == 1:
            answers: Sequence[Answer] = [live.runtime.answer_row(*rows[0][:3], explain=rows[0][3])]
        else:
            answers = live.runtime.answer_rows(rows) if rows else []
    except Exception as error:  # noqa: BLE001 - told to each sender; a batch goes on with its next lines
        return [error if item is _WAITING else item for item in decided]
    for place, (measured, time_s, whose, _), answer in zip(places, rows, answers, strict=True):
        decided[place] = keep_answer(live, measured, time_s, whose, answer, clocks)
    return decided


def keep_answer(  # noqa: PLR0917 - on the hot path, where keywords cost a tenth of the whole
    live: LiveTask,
    values: Sequence[float | None],
    time_s: float,
    entity: str | None,
    answer: Answer,
    clocks: _Clocks,
) -> msgspec.Struct:
    """Name an answer, keep it for the log, and shape it for sending."""
    received_s, began = clocks
    served = live.served
    prediction_id = live.new_id()
    live.append((served, prediction_id, values, time_s, entity, answer, perf_counter() - began, received_s))
    return live.shape(served, prediction_id, time_s, entity, answer)


def _decide_window(live: LiveTask, window: Window, clocks: _Clocks) -> msgspec.Struct:
    n_rows = len(window.rows)
    times = [
        clocks[0] - live.interval_s * (n_rows - 1 - place) if at is None else at
        for place, at in enumerate(window.times)
    ]
    item = Input(rows=window.rows, times=times, entity=window.entity)
    return _decide_input(live, item, clocks, explain=window.explain)


def _decide_stored(live: LiveTask, body: bytes, fault: Exception, clocks: _Clocks) -> Decided:
    """The answer from stored rows for a body with an entity alone; for any other body its fault."""
    alone = live.reader.entity_alone(body)
    if alone is None:
        return fault
    entity, explain = alone
    try:
        return _decide_input(live, live.windows.newest(entity), clocks, explain=explain)
    except Exception as error:  # noqa: BLE001 - told to its sender, as above
        return error


def _decide_input(live: LiveTask, item: Input, clocks: _Clocks, *, explain: bool) -> msgspec.Struct:
    answer = live.runtime.answer([item], explain=explain)[0]
    return keep_answer(live, item.rows[-1], item.times[-1], item.entity, answer, clocks)
