"""What items are, and what groups of people take, as parts of a bundle."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Interactions
from telltale.models.recommend.catalogue_parts import catalogue_parts, stored_attributes, stored_segments

ROWS = Interactions(
    users=np.array([0, 0, 1, 1, 2]),
    items=np.array([0, 1, 1, 1, 2]),
    weights=np.ones(5),
    times_s=np.zeros(5),
    n_users=3,
    n_items=3,
    attributes={"category": (("mugs",), (), ("toys",)), "tags": (("b", "a"), ("a",), ())},
    segments=("new", "old", ""),
)


def test_attributes_come_back_as_they_were() -> None:
    parts = catalogue_parts(ROWS, half_life_days=0.0)

    assert stored_attributes(parts, n_items=3) == ROWS.attributes
    assert parts.names["attribute_names"] == ("category", "tags")
    assert parts.names["attribute_values_1"] == ("a", "b")


def test_a_segment_has_the_popularity_of_its_own_people() -> None:
    segments = stored_segments(catalogue_parts(ROWS, half_life_days=0.0), n_items=3)

    assert {name: counts.tolist() for name, counts in segments.items()} == {"new": [1, 1, 0], "old": [0, 1, 0]}


def test_rows_that_say_nothing_of_either_store_nothing() -> None:
    parts = catalogue_parts(replace(ROWS, attributes={}, segments=("", "", "")), half_life_days=30.0)

    assert (parts.names, parts.arrays) == ({}, {})
    assert stored_attributes(parts, n_items=3) == {}
    assert stored_segments(parts, n_items=3) == {}


@pytest.mark.parametrize(
    ("lost", "read"),
    [
        ("attribute_of_1", stored_attributes),
        ("attribute_of_1_starts", stored_attributes),
        ("segment_popularity", stored_segments),
    ],
)
def test_parts_that_lack_one_are_refused(lost: str, read: Callable[..., object]) -> None:
    parts = catalogue_parts(ROWS, half_life_days=0.0)
    broken = replace(parts, arrays={name: array for name, array in parts.arrays.items() if name != lost})

    with pytest.raises(BundleError, match="train the version again"):
        read(broken, n_items=3)


def test_attributes_of_other_items_are_refused() -> None:
    with pytest.raises(BundleError, match="of 3 items, not 4"):
        stored_attributes(catalogue_parts(ROWS, half_life_days=0.0), n_items=4)
