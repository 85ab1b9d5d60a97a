"""`predict`: a body in, an answer out.

No data frame, thread hop, lock, log line or database row per request: together they would cost more than the model.
"""

from collections.abc import Sequence
from time import perf_counter, time

import msgspec

from telltale.contract.answer import Answer, Context, Input, Reason
from telltale.models.runtime import CheckedRow
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
    return [
        (200, _encode(item)) if type(item) is Prediction else encode_problem(item)  # type: ignore[arg-type]
        for item in decided
    ]


def decide_many(live: LiveTask, bodies: Sequence[bytes]) -> list[Prediction | Exception]:
    """Decode, answer, and keep the answers for the log; for each body its answer, or what is wrong with it.

    Rows without history share one call of the model; windows have one each.
    """
    began = perf_counter()
    received_s = time()
    decided: list[Prediction | Exception] = []
    rows: list[CheckedRow] = []
    places: list[int] = []
    for place, body in enumerate(bodies):
        try:
            row = live.reader.row(body)
            if row is None:
                decided.append(_decide_window(live, live.reader.window(body), received_s, began))
                continue
        except Exception as error:  # noqa: BLE001 - one body's fault is told to its sender; the others go on
            decided.append(error)
            continue
        values, given_s, entity, explain = row
        rows.append((values, received_s if given_s is None else given_s, entity, explain))
        places.append(place)
        decided.append(_WAITING)
    try:
        if len(rows) == 1:
            answers = [live.runtime.answer_row(*rows[0][:3], explain=rows[0][3])]
        else:
            answers = live.runtime.answer_rows(rows) if rows else []
    except Exception as error:  # noqa: BLE001 - told to each sender; a batch goes on with its next lines
        return [error if item is _WAITING else item for item in decided]
    for place, (measured, time_s, whose, _), answer in zip(places, rows, answers, strict=True):
        decided[place] = keep_answer(live, measured, time_s, whose, answer, (received_s, began))
    return decided


def keep_answer(  # noqa: PLR0917 - on the hot path, where keywords cost a tenth of the whole
    live: LiveTask,
    values: Sequence[float | None],
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


def _decide_window(live: LiveTask, window: Window, received_s: float, began: float) -> Prediction:
    n_rows = len(window.rows)
    times = [
        received_s - live.interval_s * (n_rows - 1 - place) if at is None else at
        for place, at in enumerate(window.times)
    ]
    item = Input(rows=window.rows, times=times, entity=window.entity)
    answer = live.runtime.answer([item], explain=window.explain)[0]
    return keep_answer(live, window.rows[-1], times[-1], window.entity, answer, (received_s, began))
