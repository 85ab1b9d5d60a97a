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
_Asked = tuple[int, Input, bool]  # place among the bodies, a window, whether reasons are wanted

_encode = msgspec.json.Encoder().encode
_WAITING: Exception = LookupError("not answered yet")


def predict(place: Place, body: bytes) -> tuple[int, bytes]:
    """The status and the body to answer `POST /v1/{app}/{task}/predict` with."""
    answer = predict_many(place, [body])[0]
    return encode_problem(answer) if isinstance(answer, Exception) else (200, answer)


def predict_many(place: Place, bodies: Sequence[bytes]) -> list[bytes | Exception]:
    """For each of several requests, in order, its answer or what is wrong with it; the model is asked once."""
    try:
        decided = decide_many(place.required(), bodies)
    except Exception as error:  # noqa: BLE001 - told to each sender
        return [error] * len(bodies)
    return [item if isinstance(item, Exception) else _encode(item) for item in decided]


def decide_many(live: Live, bodies: Sequence[bytes]) -> Sequence[Decided]:
    """Decode, answer, and keep the answers for the log; for each body its answer, or what is wrong with it."""
    if isinstance(live, LiveQueries):
        return ask_many(live, bodies)
    return _decide_rows(live, bodies)


def _decide_rows(live: LiveTask, bodies: Sequence[bytes]) -> list[Decided]:
    """Rows without history share one call of the model, and so do windows."""
    received_s, began = clocks = time(), perf_counter()
    read, read_window = live.reader.row, live.reader.window
    decided: list[Decided] = [_WAITING] * len(bodies)
    rows: list[CheckedRow] = []
    places: list[int] = []
    windows: list[_Asked] = []
    for place, body in enumerate(bodies):
        try:
            row = read(body)
            if row is None:
                window = read_window(body)
                windows.append((place, _window_input(live, window, received_s), window.explain))
                continue
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            stored = _stored_window(live, body, error)
            if isinstance(stored, Exception):
                decided[place] = stored
            else:
                windows.append((place, *stored))
            continue
        values, given_s, entity, explain = row
        rows.append((values, received_s if given_s is None else given_s, entity, explain))
        places.append(place)
    for place, item, answered in _answer_windows(live, windows):
        decided[place] = (
            answered
            if isinstance(answered, Exception)
            else keep_answer(live, item.rows[-1], item.times[-1], item.entity, answered, clocks)
        )
    if not rows:
        return decided
    try:
        answers: Sequence[Answer] = (
            live.runtime.answer_rows(rows)
            if len(rows) > 1
            else [live.runtime.answer_row(*rows[0][:3], explain=rows[0][3])]
        )
    except Exception as error:  # noqa: BLE001 - told to each sender; a batch goes on with its next lines
        for place in places:
            decided[place] = error
        return decided
    # As `keep_answer` does, without a call for each.
    served, append, new_id, shape = live.served, live.append, live.new_id, live.shape
    latency_s = perf_counter() - began
    for place, (measured, time_s, whose, _), answer in zip(places, rows, answers, strict=True):
        prediction_id = new_id()
        append((served, prediction_id, measured, time_s, whose, answer, latency_s, received_s))
        decided[place] = shape(served, prediction_id, time_s, whose, answer)
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


def _answer_windows(live: LiveTask, windows: Sequence[_Asked]) -> list[tuple[int, Input, Answer | Exception]]:
    """Each with its answer, or with what is wrong with it; one call of the model, two where only some want reasons."""
    answered: list[tuple[int, Input, Answer | Exception]] = []
    for explain in (False, True):
        asked = [window for window in windows if window[2] is explain]
        if not asked:
            continue
        try:
            answers = live.runtime.answer([item for _, item, _ in asked], explain=explain)
        except Exception as error:  # noqa: BLE001 - told to its sender
            # One window that cannot be answered must not cost the others their answers: then each is asked alone.
            if len(asked) == 1:
                answered.append((*asked[0][:2], error))
            else:
                for window in asked:
                    answered += _answer_windows(live, [window])
        else:
            answered += [(place, item, answer) for (place, item, _), answer in zip(asked, answers, strict=True)]
    return answered


def _window_input(live: LiveTask, window: Window, received_s: float) -> Input:
    n_rows = len(window.rows)
    times = [
        received_s - live.interval_s * (n_rows - 1 - place) if at is None else at
        for place, at in enumerate(window.times)
    ]
    return Input(rows=window.rows, times=times, entity=window.entity)


def _stored_window(live: LiveTask, body: bytes, fault: Exception) -> tuple[Input, bool] | Exception:
    """Stored rows, and whether reasons are wanted, for a body with an entity alone; for any other body its fault."""
    alone = live.reader.entity_alone(body)
    if alone is None:
        return fault
    entity, explain = alone
    try:
        return live.windows.newest(entity), explain
    except Exception as error:  # noqa: BLE001 - told to its sender, as above
        return error
