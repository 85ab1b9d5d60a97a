"""`predict`: a body in, an answer out.

No data frame, thread hop, lock, log line or database row per request: together they would cost more than the model.
"""

from time import perf_counter, time

import msgspec

from telltale.contract.answer import Answer, Context, Input, Reason
from telltale.serve.bodies import Window
from telltale.serve.live_task import LiveTask, Place
from telltale.serve.problems import encode_problem


class Prediction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An answer as it is sent. `reasons` is there with `explain` or a positive decision."""

    prediction_id: str
    app: str
    task: str
    entity: str | None
    score: float
    decision: bool
    threshold: float
    version: int
    role: str
    context: Context
    reasons: tuple[Reason, ...] = ()


_encode = msgspec.json.Encoder().encode


def predict(place: Place, body: bytes) -> tuple[int, bytes]:
    """The status and the body to answer `POST /v1/{app}/{task}/predict` with."""
    try:
        return 200, _encode(decide(place.required(), body))
    except Exception as error:  # noqa: BLE001 - an edge: each error becomes a problem document, foreign ones are logged
        return encode_problem(error)


def decide(live: LiveTask, body: bytes) -> Prediction:
    """Decode, answer, and keep the answer for the log.

    Raises:
        UsageError: the body is not JSON.
        SchemaError: it does not fit the version's columns.
    """
    began = perf_counter()
    received_s = time()
    row = live.reader.row(body)
    if row is None:
        values, time_s, entity, answer = _decide_window(live, live.reader.window(body), received_s)
    else:
        values, given_s, entity, explain = row
        time_s = received_s if given_s is None else given_s
        answer = live.runtime.answer_row(values, time_s, entity, explain=explain)
    return keep_answer(live, values, time_s, entity, answer, (received_s, began))


def keep_answer(  # noqa: PLR0917 - on the hot path, where keywords cost a tenth of the whole
    live: LiveTask,
    values: tuple[float | None, ...],
    time_s: float,
    entity: str | None,
    answer: Answer,
    clocks: tuple[float, float],
) -> Prediction:
    """Name an answer, keep it for the log, and shape it for sending.

    `clocks` are the time of receipt (epoch seconds) and `perf_counter` when the work began.
    """
    received_s, began = clocks
    served = live.served
    prediction_id = live.new_id()
    live.append((served, prediction_id, values, time_s, entity, answer, perf_counter() - began, received_s))
    return Prediction(
        prediction_id=prediction_id,
        app=served.app,
        task=served.task,
        entity=entity,
        score=answer.score,
        decision=answer.decision,
        threshold=answer.threshold,
        version=served.version,
        role=served.role,
        context=answer.context,
        reasons=answer.reasons,
    )


def _decide_window(
    live: LiveTask, window: Window, received_s: float
) -> tuple[tuple[float | None, ...], float, str | None, Answer]:
    n_rows = len(window.rows)
    times = [
        received_s - live.interval_s * (n_rows - 1 - place) if at is None else at
        for place, at in enumerate(window.times)
    ]
    item = Input(rows=window.rows, times=times, entity=window.entity)
    return window.rows[-1], times[-1], window.entity, live.runtime.answer([item], explain=window.explain)[0]
