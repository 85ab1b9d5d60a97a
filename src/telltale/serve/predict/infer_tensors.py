"""Tensors of the open inference protocol: rows out of them, answers into them.

References:
    "Open inference protocol (v2)", https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from telltale.contract.errors import SchemaError, UsageError
from telltale.contract.kinds import Kind
from telltale.serve.live.live_task import LiveTask

WHERE: Final = "inputs"
_ANY: Final = (-1,)  # any number of rows


def _whole(low: int, high: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=low, le=high)] | None


# What stands in a tensor's data; null is a value that is missing. 64 bits are what a float holds of them.
_TYPES: Final[Mapping[str, Any]] = {
    "BOOL": bool | None,
    **{f"INT{n}": _whole(-(1 << (n - 1)), (1 << (n - 1)) - 1) for n in (8, 16, 32)},
    **{f"UINT{n}": _whole(0, (1 << n) - 1) for n in (8, 16, 32)},
    "INT64": int | None,
    "UINT64": int | None,
    **dict.fromkeys(("FP16", "FP32", "FP64"), float | None),
    "BYTES": str | None,
}
_WHOLE: Final = frozenset(name for name in _TYPES if "INT" in name)
_BYTES: Final = frozenset({"BYTES"})
_NUMBERS: Final = _WHOLE | {"BOOL", "FP16", "FP32", "FP64"}


class Tensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Values of one name: `data` flat, row after row, or one list per row."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to be decided: a tensor per column, or one of all columns side by side; time and entity if they are known."""

    inputs: tuple[Tensor, ...]
    id: str = ""
    outputs: tuple[Wanted, ...] = ()
    parameters: dict[str, Any] = {}


class InferAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answers, one value per row and output."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str = ""


class TensorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tensor as metadata describe it; -1 stands for any number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: dict[str, Any] = {}


class _Output(msgspec.Struct, frozen=True):
    datatype: str
    of: Callable[[Any], Any]


_ID: Final = {"prediction_id": _Output("BYTES", lambda sent: sent.prediction_id)}
_OUTPUTS: Final[Mapping[Kind, Mapping[str, _Output]]] = {
    "score": {
        "score": _Output("FP64", lambda sent: sent.score),
        "decision": _Output("BOOL", lambda sent: sent.decision),
        "threshold": _Output("FP64", lambda sent: sent.threshold),
        **_ID,
    },
    "choose": {
        "choice": _Output("BYTES", lambda sent: sent.choice),
        "cost": _Output("FP64", lambda sent: sent.costs[sent.choice]),
        **_ID,
    },
    "segment": {
        "segment": _Output("INT64", lambda sent: sent.segment),
        "name": _Output("BYTES", lambda sent: sent.name),
        "distance": _Output("FP64", lambda sent: sent.distance),
        **_ID,
    },
}


class TensorReader:
    """What a version takes as tensors.

    Args:
        live: the version.
    """

    def __init__(self, live: LiveTask) -> None:
        event, taken = live.event, set(live.runtime.columns)
        self._columns = live.runtime.columns
        text = {name for name in self._columns if (column := event.column(name)) is not None and column.dtype == "str"}
        times = [name for name in (event.time, *event.time_aliases) if name not in taken]
        entities = [name for name in dict.fromkeys((event.entity or "entity", "entity")) if name not in taken]
        self._allowed = {
            **{name: _BYTES if name in text else _NUMBERS for name in self._columns},
            **dict.fromkeys(times, frozenset({"BYTES", "FP64", *_WHOLE})),
            **dict.fromkeys(entities, frozenset({"BYTES", *_WHOLE})),
        }
        self._info = [
            *(
                TensorInfo(name=name, datatype="BYTES" if name in text else "FP64", shape=_ANY)
                for name in self._columns
            ),
            *(
                TensorInfo(name=name, datatype="BYTES", shape=_ANY, parameters={"optional": True})
                for name in (*entities[:1], *times[:1])
            ),
        ]

    @property
    def info(self) -> list[TensorInfo]:
        """The inputs, as metadata name them: the columns in order, then what may be left out."""
        return self._info

    def rows(self, tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
        """The rows of a request's inputs, each as the body of a `predict`.

        Raises:
            UsageError: a tensor is unknown, given twice, or not what its shape and datatype say.
            SchemaError: there are no rows, or not equally many in each.
        """
        values: dict[str, list[Any]] = {}
        for tensor in tensors:
            for name, column in self._columns_of(tensor).items():
                if name in values:
                    raise UsageError(f"{name!r} is given twice", where=WHERE, mend="Give each column once.")
                values[name] = column
        lengths = {name: len(column) for name, column in values.items()}
        if len(set(lengths.values())) != 1 or not max(lengths.values()):
            raise SchemaError(
                f"the inputs have these numbers of rows: {lengths}",
                where=WHERE,
                mend="Give each input as many, and one at least.",
            )
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]

    def _columns_of(self, tensor: Tensor) -> dict[str, list[Any]]:
        flat = _flat(tensor)
        allowed = self._allowed.get(tensor.name)
        if allowed is None:
            k = len(self._columns)
            if len(tensor.shape) != 2 or tensor.shape[1] != k or tensor.datatype not in _NUMBERS:
                raise UsageError(
                    f"{tensor.name!r} is neither a column nor numbers of the shape [n, {k}]",
                    where=WHERE,
                    mend=f"Send one tensor each of {list(self._allowed)}, or one of the shape [n, {k}] in the order "
                    f"{list(self._columns)}.",
                )
            return {name: flat[place::k] for place, name in enumerate(self._columns)}
        if tensor.datatype not in allowed:
            raise UsageError.not_one_of(tensor.datatype, allowed, where=f"{WHERE}, {tensor.name}: datatype")
        if len(tensor.shape) > 1 and tensor.shape[1:] != (1,):
            raise UsageError(
                f"its shape is {list(tensor.shape)}",
                where=f"{WHERE}, {tensor.name}",
                mend="Send the shape [n] or [n, 1].",
            )
        return {tensor.name: flat}


def output_info(kind: Kind) -> list[TensorInfo]:
    """The outputs of a kind of task, as metadata name them."""
    return [TensorInfo(name=name, datatype=output.datatype, shape=_ANY) for name, output in _OUTPUTS[kind].items()]


def output_names(kind: Kind, wanted: Sequence[Wanted]) -> list[str]:
    """The outputs to be sent: those asked for, else all. Raises UsageError for one that there is not."""
    names = [one.name for one in wanted] or [*_OUTPUTS[kind]]
    for name in names:
        if name not in _OUTPUTS[kind]:
            raise UsageError.not_one_of(name, _OUTPUTS[kind], where="outputs")
    return names


def output_tensors(kind: Kind, names: Sequence[str], sent: Sequence[msgspec.Struct]) -> list[Tensor]:
    """Answers as tensors."""
    outputs = _OUTPUTS[kind]
    return [
        Tensor(
            name=name,
            shape=(len(sent),),
            datatype=outputs[name].datatype,
            data=[outputs[name].of(one) for one in sent],
        )
        for name in names
    ]


def _flat(tensor: Tensor) -> list[Any]:
    """The values, row after row. Raises UsageError where they are not what shape and datatype say."""
    where = f"{WHERE}, {tensor.name}"
    kind = _TYPES.get(tensor.datatype)
    if kind is None:
        raise UsageError.not_one_of(tensor.datatype, _TYPES, where=f"{where}: datatype")
    data, shape = tensor.data, tensor.shape
    if len(shape) == 2 and data and isinstance(data[0], list):
        if len(data) != shape[0] or any(not isinstance(row, list) or len(row) != shape[1] for row in data):
            raise UsageError(f"its data are not of the shape {list(shape)}", where=where, mend="Send one list per row.")
        data = [value for row in data for value in row]
    n = shape[0] * (shape[1] if len(shape) == 2 else 1) if 1 <= len(shape) <= 2 and min(shape) >= 0 else -1
    if len(data) != n:
        raise UsageError(
            f"it has {len(data)} values and the shape {list(shape)}", where=where, mend="Send the shape [n] or [n, k]."
        )
    try:
        values: list[Any] = msgspec.convert(data, list[kind])  # type: ignore[valid-type]  # chosen at run time
    except msgspec.ValidationError as error:
        raise UsageError(
            f"its data are not {tensor.datatype}: {error}", where=where, mend="Send what it says."
        ) from None
    return [None if value is None else float(value) for value in values] if tensor.datatype == "BOOL" else values
