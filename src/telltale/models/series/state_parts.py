"""What a stream remembers, as numbers: packed into one array, filled back in, copied.

A part is an object with `__slots__` that hold numbers, lists of numbers, parts, or tuples of parts, of the same kind for
life. What a fresh one looks like says how the numbers of another are read.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError

Floats = NDArray[np.float64]
Part = TypeVar("Part")


class _Slots(NamedTuple):
    """The names of a part's slots, by what they hold."""

    numbers: tuple[str, ...]
    lists: tuple[str, ...]
    parts: tuple[str, ...]
    tuples: tuple[str, ...]


_SLOTS: dict[type, _Slots] = {}  # looked at once: a state is copied for every answer


def packed(part: object) -> Floats:
    """All numbers of a part, shape (m,): those of a list behind their count."""
    numbers: list[float] = []
    _put(part, numbers)
    return np.array(numbers, dtype=np.float64)


def unpacked(fresh: Part, numbers: Floats, *, where: str) -> Part:
    """A fresh part, filled with what `packed` gave of another one; the array is left as it is.

    Raises:
        BundleError: it is not of such a part.
    """
    left = iter(numbers.tolist() if numbers.ndim == 1 and np.isfinite(numbers).all() else ())
    try:
        _fill(fresh, left)
    except (StopIteration, ValueError) as error:
        raise _foreign(where) from error
    if next(left, None) is not None:
        raise _foreign(where)
    return fresh


def copied(part: Part) -> Part:
    """Another one that goes its own way."""
    kind = type(part)
    slots = _slots_of(part)
    other = kind.__new__(kind)
    for name in slots.numbers:
        setattr(other, name, getattr(part, name))
    for name in slots.lists:
        setattr(other, name, getattr(part, name).copy())
    for name in slots.parts:
        setattr(other, name, copied(getattr(part, name)))
    for name in slots.tuples:
        setattr(other, name, tuple([copied(one) for one in getattr(part, name)]))
    return other


def _slots_of(part: Any) -> _Slots:
    found = _SLOTS.get(type(part))
    if found is None:
        names: tuple[str, ...] = part.__slots__
        kinds = {name: type(getattr(part, name)) for name in names}
        found = _Slots(
            numbers=tuple(name for name in names if kinds[name] in (int, float)),
            lists=tuple(name for name in names if kinds[name] is list),
            parts=tuple(name for name in names if kinds[name] not in (int, float, list, tuple)),
            tuples=tuple(name for name in names if kinds[name] is tuple),
        )
        _SLOTS[type(part)] = found
    return found


def _parts_of(part: Any, slots: _Slots) -> Iterator[Any]:
    for name in slots.parts:
        yield getattr(part, name)
    for name in slots.tuples:
        yield from getattr(part, name)


def _put(part: Any, numbers: list[float]) -> None:
    slots = _slots_of(part)
    numbers.extend(getattr(part, name) for name in slots.numbers)
    for name in slots.lists:
        values = getattr(part, name)
        numbers.append(len(values))
        numbers.extend(values)
    for one in _parts_of(part, slots):
        _put(one, numbers)


def _fill(part: Any, left: Iterator[float]) -> None:
    slots = _slots_of(part)
    for name in slots.numbers:
        setattr(part, name, type(getattr(part, name))(next(left)))
    for name in slots.lists:
        count = next(left)
        values = list(islice(left, max(int(count), 0)))
        # A list that a fresh part has is always as long.
        if len(values) != count or len(values) != (len(getattr(part, name)) or count):
            raise ValueError(count)
        setattr(part, name, values)
    for one in _parts_of(part, slots):
        _fill(one, left)


def _foreign(where: str) -> BundleError:
    return BundleError("what was learned is none of this model's", where=where, mend="Train the version again.")
