import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.models.series.state_parts import copied, packed, unpacked


class Pair:
    __slots__ = ("fixed", "open")

    def __init__(self) -> None:
        self.fixed = [0.0, 0.0]
        self.open: list[float] = []


class Whole:
    __slots__ = ("count", "one", "several", "size")

    def __init__(self) -> None:
        self.count = 0
        self.size = 0.5
        self.one = Pair()
        self.several = (Pair(), Pair())


def used() -> Whole:
    whole = Whole()
    whole.count = 7
    whole.one.fixed[1] = 3.0
    whole.several[1].open.extend((4.0, 5.0))
    return whole


def test_what_is_packed_comes_back_as_it_was() -> None:
    numbers = packed(used())

    again = unpacked(Whole(), numbers, where="here")

    assert (again.count, type(again.count), again.size) == (7, int, 0.5)
    assert again.one.fixed == [0.0, 3.0]
    assert again.several[1].open == [4.0, 5.0]
    assert np.array_equal(packed(again), numbers)


def test_a_copy_shares_nothing() -> None:
    whole = used()
    other = copied(whole)

    other.count = 8
    other.one.fixed[0] = 9.0
    other.several[1].open.append(6.0)

    assert np.array_equal(packed(whole), packed(used()))


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [2.0, 0.0, 0.0],
        [2.0, 0.0, 0.0, 0.0, 1.0],
        [1.0, 0.0, 1.0, 0.0],
        [2.0, 0.0, 0.0, -1.0],
        [2.0, 0.0, 0.0, 0.5],
        [2.0, np.nan, 0.0, 0.0],
    ],
    ids=["nothing", "too few", "too many", "a list of another length", "fewer than none", "half a number", "no number"],
)
def test_numbers_of_something_else_are_refused(numbers: list[float]) -> None:
    with pytest.raises(BundleError, match="none of this model's"):
        unpacked(Pair(), np.array(numbers), where="here")
