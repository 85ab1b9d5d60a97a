"""Answers as they are sent: who answered whom, then the fields of the answer itself, then names of the app's own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec

from telltale.contract.answer import (
    ActAnswer,
    Answer,
    ChoiceAnswer,
    Context,
    ForecastAnswer,
    NextAnswer,
    RankAnswer,
    Reason,
    ScoreAnswer,
    SegmentAnswer,
    SimilarAnswer,
    VerifyAnswer,
)
from telltale.contract.app import Task
from telltale.contract.errors import UsageError
from telltale.contract.kinds import Kind
from telltale.monitor.prediction_log import ServedVersion
from telltale.telemetry.times import show_time

# Who answers, the prediction's id, event time of what was decided (epoch seconds), entity, answer -> what is sent.
Shape = Callable[[ServedVersion, str, float, str | None, Answer], msgspec.Struct]

_TIME: Final = "time"  # in `Task.answer_names`: the time of the row that was decided
_WHO: Final[tuple[tuple[str, Any], ...]] = (
    ("prediction_id", str),
    ("app", str),
    ("task", str),
    ("entity", str | None),
    ("version", int),
    ("role", str),
)
_ANSWERS: Final[Mapping[Kind, tuple[str, type[msgspec.Struct]]]] = {
    "score": ("Prediction", ScoreAnswer),
    "choose": ("ChoicePrediction", ChoiceAnswer),
    "segment": ("SegmentPrediction", SegmentAnswer),
    "rank": ("RankPrediction", RankAnswer),
    "forecast": ("ForecastPrediction", ForecastAnswer),
    "verify": ("VerifyPrediction", VerifyAnswer),
    "similar": ("SimilarPrediction", SimilarAnswer),
    "next": ("NextPrediction", NextAnswer),
    "act": ("ActPrediction", ActAnswer),
}
_astuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An answer of a task that scores. `reasons` is there with `explain` or a positive decision, `entity_is_new` where it is.

    The structs of the other kinds are made of their answers in the same way: `sent_type`.
    """

    prediction_id: str
    app: str
    task: str
    entity: str | None
    version: int
    role: str
    score: float
    decision: bool
    threshold: float
    context: Context
    reasons: tuple[Reason, ...] = ()
    entity_is_new: bool = False


def sent_type(app: str, task: Task) -> type[msgspec.Struct]:
    """The struct in which answers of a task are sent, for documentation and for reading them again."""
    if not task.answer_names:
        return _plain_type(task.kind)
    return _sent_type(app, task.name, task.kind, tuple(task.answer_names.items()))


def shape_of(app: str, task: Task) -> Shape:
    """What makes an answer of a task into what is sent.

    Raises:
        UsageError: `answer_names` names a field that the answer does not have, or one that is taken.
    """
    sent: Callable[..., msgspec.Struct] = sent_type(app, task)

    def plain(
        served: ServedVersion, prediction_id: str, _time_s: float, entity: str | None, answer: Answer
    ) -> msgspec.Struct:
        return sent(prediction_id, served.app, served.task, entity, served.version, served.role, *_astuple(answer))

    if not task.answer_names:
        return _scored if task.kind == "score" else plain
    fields = _names(task.kind)
    sources = [None if source == _TIME else fields.index(source) for source in task.answer_names]

    def renamed(
        served: ServedVersion, prediction_id: str, time_s: float, entity: str | None, answer: Answer
    ) -> msgspec.Struct:
        values = (
            prediction_id, served.app, served.task, entity, served.version, served.role, *_astuple(answer)
        )  # fmt: skip
        return sent(*values, *(_iso(time_s) if at is None else values[at] for at in sources))

    return renamed


def _scored(
    served: ServedVersion, prediction_id: str, _time_s: float, entity: str | None, answer: Answer
) -> msgspec.Struct:
    """As the general way does, in half the time: scores are what is asked for thousands of times a second."""
    assert type(answer) is ScoreAnswer
    return Prediction(
        prediction_id,
        served.app,
        served.task,
        entity,
        served.version,
        served.role,
        answer.score,
        answer.decision,
        answer.threshold,
        answer.context,
        answer.reasons,
        answer.entity_is_new,
    )


@cache
def _plain_type(kind: Kind) -> type[msgspec.Struct]:
    """One for all tasks of a kind: the document of all paths cannot hold two of one name."""
    title, answer = _ANSWERS[kind]
    return Prediction if kind == "score" else _struct(title, _fields(kind), answer.__doc__)


def _fields(kind: Kind) -> list[Any]:
    own = msgspec.structs.fields(_ANSWERS[kind][1])
    return [
        *_WHO,
        *((one.name, one.type) if one.required else (one.name, one.type, one.default) for one in own),
    ]


@cache
def _sent_type(app: str, task: str, kind: Kind, names: Sequence[tuple[str, str]]) -> type[msgspec.Struct]:
    title, answer = _ANSWERS[kind]
    fields = _fields(kind)
    types: dict[str, Any] = {name: rest[0] for name, *rest in fields} | {_TIME: str}
    taken = {name for name, *_ in fields}
    for source, name in names:
        if source not in types:
            raise UsageError.not_one_of(source, types, where=f"{app}/{task}: answer_names")
        if name in taken:
            raise UsageError(
                f"{name!r} is sent already", where=f"{app}/{task}: answer_names", mend="Choose another name."
            )
        taken.add(name)
        # Given always; a default because fields before it may have one.
        fields.append((name, types[source], msgspec.UNSET))
    whose = "".join(part.title() for part in (app, task))
    return _struct(f"{whose}{title}", fields, answer.__doc__)


def _struct(title: str, fields: list[Any], told: str | None) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        title, fields, frozen=True, omit_defaults=True, gc=False, module=__name__, namespace={"__doc__": told}
    )


def _names(kind: Kind) -> list[str]:
    return [*(name for name, _ in _WHO), *_ANSWERS[kind][1].__struct_fields__]


def _iso(time_s: float) -> str:
    return show_time(datetime.fromtimestamp(time_s, UTC))
