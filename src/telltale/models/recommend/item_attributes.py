"""What items are, ready to be asked: which ones have a value, and how alike two of them are."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Floats

_WIDTH: Final = 64  # of the shadows that people cast on items; see `companions`
# SplitMix64's: whole numbers in a row become numbers that have nothing to do with each other.
_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))

Numbers = NDArray[np.int64]


class ItemAttributes:
    """The values of each item, both ways round.

    Args:
        attributes: by name, the values of each item.
        n_items: of the catalogue.
    """

    def __init__(self, attributes: Mapping[str, Sequence[tuple[str, ...]]], *, n_items: int) -> None:
        self._n_items = n_items
        self._with: dict[str, dict[str, Numbers]] = {}
        number: dict[tuple[str, str], int] = {}
        of_item: list[set[int]] = [set() for _ in range(n_items)]
        for name, values in attributes.items():
            found: dict[str, list[int]] = {}
            for item, own in enumerate(values):
                for value in own:
                    found.setdefault(value, []).append(item)
                    of_item[item].add(number.setdefault((name, value), len(number)))
            self._with[name] = {value: np.array(items, dtype=np.int64) for value, items in found.items()}
        self._values = [np.array(sorted(own), dtype=np.int64) for own in of_item]
        self.is_empty = not number

    def wanted(self, filters: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
        """Which items have one of the values wanted of each attribute, shape (n items,). Raises UsageError for an unknown attribute."""
        fits = np.ones(self._n_items, dtype=np.bool_)
        for name, values in filters.items():
            if name not in self._with:
                raise UsageError.not_one_of(name, self._with, where="filters")
            has = np.zeros(self._n_items, dtype=np.bool_)
            for value in values:
                items = self._with[name].get(value)
                if items is not None:
                    has[items] = True
            fits &= has
        return fits

    def likeness(self, items: Numbers) -> Floats:
        """How alike each two of some items are: the values they share over those that either has; shape (n, n), in [0, 1]."""
        own = [self._values[item] for item in items.tolist()]
        lengths = np.array([len(values) for values in own], dtype=np.int64)
        _, value = np.unique(np.concatenate(own), return_inverse=True)
        has = np.zeros((len(own), int(value.max(initial=-1)) + 1))
        has[np.repeat(np.arange(len(own)), lengths), value] = 1.0
        shared = has @ has.T
        return np.asarray(shared / np.maximum(lengths[:, None] + lengths - shared, 1.0))


def companions(users: Numbers, items: Numbers, *, n_items: int) -> NDArray[np.float32]:
    """Directions of items, shape (n items, 64), each of length 1 or 0; alike where the same people took them.

    Each person adds 1 or -1 to one of 64 places of every item taken, place and sign by a hash of the number: the product of
    two directions is then the cosine of who took the items, give or take an eighth.

    References:
        Charikar, Chen, Farach-Colton, "Finding Frequent Items in Data Streams", ICALP 2002: the sketch.
        Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014: the hash.
    """
    mixed = (users.astype(np.uint64) + np.uint64(1)) * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    place = (mixed >> np.uint64(58)).astype(np.int64)
    sign = np.where(mixed & np.uint64(1), 1.0, -1.0)
    cast = np.bincount(items * _WIDTH + place, sign, minlength=n_items * _WIDTH).reshape(n_items, _WIDTH)
    lengths = np.linalg.norm(cast, axis=1, keepdims=True)
    return np.asarray(cast / np.maximum(lengths, 1.0), dtype=np.float32)
