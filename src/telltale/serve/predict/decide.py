"""`predict`: a body in, an answer out.

No data frame, thread hop, lock, log line or database row per request: together they would cost more than the model.
"""

from collections.abc import Sequence
from time import perf_counter, time

import msgspec

from telltale.contract.answer import CheckedRow, Input
from telltale.contract.errors import UnavailableError
from telltale.serve.http.problems import encode_problem
from telltale.serve.live.live_task import Live, LiveQueries, LiveTask, Place
from telltale.serve.predict.answering import (
    NOT_YET,
    AskedWindow,
    Clocks,
    Decided,
    answer_rows,
    answer_windows,
    count_failure,
    keep_answer,
)
from telltale.serve.predict.bodies import Window
from telltale.serve.predict.queries import ask_many
from telltale.serve.predict.split import least_rows, split_rows, split_windows

_encode = msgspec.json.Encoder().encode


def predict(place: Place, body: bytes) -> tuple[int, bytes]:
    """The status and the body to answer `POST /v1/{app}/{task}/predict` with."""
    answer = predict_many(place, [body])[0]
    return encode_problem(answer) if isinstance(answer, Exception) else (200, answer)


def predict_many(place: Place, bodies: Sequence[bytes]) -> list[bytes | Exception]:
    """For each of several requests, in order, its answer or what is wrong with it; the model is asked once."""
    try:
        live = place.asked(len(bodies))
    except UnavailableError as error:
        return [error] * len(bodies)
    try:
        decided = decide_many(live, bodies)
    except Exception as error:  # noqa: BLE001 - told to each sender
        count_failure(live, error, time(), n=len(bodies))
        return [error] * len(bodies)
    return [item if isinstance(item, Exception) else _encode(item) for item in decided]


def decide_many(live: Live, bodies: Sequence[bytes]) -> Sequence[Decided]:
    """Decode, answer, and keep the answers for the log; for each body its answer, or what is wrong with it."""
    if isinstance(live, LiveQueries):
        return ask_many(live, bodies)
    return _decide_rows(live, bodies)


def decide_window(live: LiveTask, item: Input, clocks: Clocks) -> msgspec.Struct:
    """Answer one window. Raises what is wrong with it."""
    decided = _decide_windows(live, [(item, False)], clocks)[0]
    if isinstance(decided, Exception):
        raise decided
    return decided


def _decide_rows(live: LiveTask, bodies: Sequence[bytes]) -> list[Decided]:
    """Rows without history share one call of the model, and so do windows."""
    received_s, began = clocks = live.clock(), perf_counter()
    read, read_window = live.reader.row, live.reader.window
    decided: list[Decided] = [NOT_YET] * len(bodies)
    rows: list[CheckedRow] = []
    places: list[int] = []
    windows: list[AskedWindow] = []
    window_places: list[int] = []
    for place, body in enumerate(bodies):
        try:
            row = read(body)
            if row is None:
                window = read_window(body)
                windows.append((_window_input(live, window, received_s), window.explain))
                window_places.append(place)
                continue
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            stored = _stored_window(live, body, error)
            if isinstance(stored, Exception):
                count_failure(live, stored, received_s)
                decided[place] = stored
            else:
                windows.append(stored)
                window_places.append(place)
            continue
        values, given_s, entity, explain = row
        rows.append((values, received_s if given_s is None else given_s, entity, explain))
        places.append(place)
    if windows:
        _put(decided, window_places, _decide_windows(live, windows, clocks))
    if not rows:
        return decided
    if live.rival is not None:
        _put(decided, places, split_rows(live, live.rival, rows, clocks))
        return decided
    try:
        answers = answer_rows(live, rows)
    except Exception as error:  # noqa: BLE001 - told to each sender; a batch goes on with its next lines
        count_failure(live, error, received_s, n=len(rows))
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


def _decide_windows(live: LiveTask, windows: Sequence[AskedWindow], clocks: Clocks) -> list[Decided]:
    if live.rival is not None:
        return split_windows(live, live.rival, windows, clocks)
    return [
        answer
        if isinstance(answer, Exception)
        else keep_answer(live, live.new_id(), item.rows[-1], item.times[-1], item.entity, answer, clocks)
        for (item, _), answer in zip(windows, answer_windows(live, windows, clocks[0]), strict=True)
    ]


def _put(decided: list[Decided], places: Sequence[int], items: Sequence[Decided]) -> None:
    for place, item in zip(places, items, strict=True):
        decided[place] = item


def _window_input(live: LiveTask, window: Window, received_s: float) -> Input:
    n_rows = len(window.rows)
    times = [
        received_s - live.interval_s * (n_rows - 1 - place) if at is None else at
        for place, at in enumerate(window.times)
    ]
    return Input(rows=window.rows, times=times, entity=window.entity)


def _stored_window(live: LiveTask, body: bytes, fault: Exception) -> AskedWindow | Exception:
    """Stored rows, and whether reasons are wanted, for a body with an entity alone; for any other body its fault."""
    alone = live.reader.entity_alone(body)
    if alone is None:
        return fault
    entity, explain = alone
    try:
        return live.windows.newest(entity, least=least_rows(live, entity)), explain
    except Exception as error:  # noqa: BLE001 - told to its sender, as above
        return error
