"""The open inference protocol (v2) over the tasks that decide rows: each row goes the way of a `predict`."""

import asyncio
from typing import Final

import msgspec

from telltale.contract.errors import NotFoundError, TelltaleError
from telltale.contract.kinds import Kind
from telltale.monitor.prediction_log import PredictionLog
from telltale.serve.http.struct_bodies import read_body
from telltale.serve.live.live_task import LiveTask, Place
from telltale.serve.predict.batch import Pace, decide_in_turns
from telltale.serve.predict.infer_tensors import (
    InferAnswer,
    InferRequest,
    TensorInfo,
    TensorReader,
    output_info,
    output_names,
    output_tensors,
)

_AT_ONCE: Final = 30_000  # bytes of a request that are read on the event loop: a millisecond
_decode = msgspec.json.Decoder(InferRequest).decode
_encode = msgspec.json.Encoder().encode


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]


def model_name(place: Place) -> str:
    """The name under which a task is a model.

    >>> model_name(Place("helios", "anomaly"))
    'helios.anomaly'
    """
    return f"{place.app}.{place.task}"


def live_model(place: Place, version: str | None = None) -> LiveTask:
    """What answers for a model.

    Raises:
        UnavailableError: no version serves.
        NotFoundError: another version than `version` serves.
    """
    live = place.required()
    assert isinstance(live, LiveTask)  # others are no models
    if version is not None and version != str(live.served.version):
        raise NotFoundError(
            f"version {version[:60]} of {model_name(place)} does not serve",
            where="path",
            mend=f"Version {live.served.version} does; promote the other, or leave the version out.",
        )
    return live


def metadata(place: Place, kind: Kind, version: str | None = None) -> ModelMetadata:
    """What a model takes and gives. Raises as `live_model`."""
    live = live_model(place, version)
    return ModelMetadata(
        name=model_name(place),
        versions=[str(live.served.version)],
        platform="telltale",
        inputs=TensorReader(live).info,
        outputs=output_info(kind),
    )


async def infer(live: LiveTask, kind: Kind, body: bytes, log: PredictionLog, *, pace: Pace | None = None) -> bytes:
    """The answer to an inference request: all rows, or none where one does not fit.

    Args:
        live: the version.
        kind: of the task.
        body: JSON.
        log: keeps the answers.
        pace: waited for before rows are answered.

    Raises:
        UsageError: it is no request, or names what there is not.
        SchemaError: a row does not fit; `where` says which.
    """
    request, bodies = _read(live, body) if len(body) <= _AT_ONCE else await asyncio.to_thread(_read, live, body)
    names = output_names(kind, request.outputs)
    sent: list[msgspec.Struct] = []
    # One version answers for the whole, as the protocol says which: a release has no part in it.
    alone = msgspec.structs.replace(live, rival=None)
    async for decided in decide_in_turns(alone, bodies, log, pace=pace):
        for item in decided:
            if isinstance(item, Exception):
                raise item
            sent.append(item)
    answer = InferAnswer(
        model_name=f"{live.served.app}.{live.served.task}",
        model_version=str(live.served.version),
        outputs=output_tensors(kind, names, sent),
        id=request.id,
    )
    return _encode(answer)


def _read(live: LiveTask, body: bytes) -> tuple[InferRequest, list[bytes]]:
    """A request, and each of its rows as the body of a `predict`, known to fit: what is answered is logged."""
    request: InferRequest = read_body(_decode, body, InferRequest)
    bodies = [_encode(row) for row in TensorReader(live).rows(request.inputs)]
    for place, row in enumerate(bodies):
        try:
            live.reader.row(row)
        except TelltaleError as error:
            raise type(error)(
                error.what, where=error.where.replace("request body", f"inputs, row {place}"), mend=error.mend
            ) from None
    return request, bodies
