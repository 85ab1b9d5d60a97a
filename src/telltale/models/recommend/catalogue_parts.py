"""What items and groups of people are, as parts of a bundle: attributes of each item, and what each segment takes."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Interactions, Parts
from telltale.models.popular import popularity

ATTRIBUTES: Final = "attribute_names"
SEGMENTS: Final = "segments"
SEGMENT_POPULARITY: Final = "segment_popularity"
_VALUES: Final = "attribute_values_{}"
_OF: Final = "attribute_of_{}"
_STARTS: Final = "attribute_of_{}_starts"

Values = Sequence[tuple[str, ...]]  # of each item


def catalogue_parts(rows: Interactions, *, half_life_days: float) -> Parts:
    """Names and arrays, beside those of a model.

    `attribute_names`; of the k-th of them its different values in `attribute_values_k`, and each item's as numbers of these,
    one item after another, in `attribute_of_k`, from `attribute_of_k_starts` (n items + 1). Where segments are known:
    `segments`, and `segment_popularity` (n segments, n items), counted as `popular` counts, among the segment's own rows.
    """
    names: dict[str, tuple[str, ...]] = {}
    arrays: dict[str, NDArray[np.generic]] = {}
    if rows.attributes:
        names[ATTRIBUTES] = tuple(rows.attributes)
    for k, values in enumerate(rows.attributes.values()):
        different = sorted({value for of_item in values for value in of_item})
        number = {value: place for place, value in enumerate(different)}
        names[_VALUES.format(k)] = tuple(different)
        arrays[_OF.format(k)] = np.array([number[value] for of_item in values for value in of_item], dtype=np.int32)
        arrays[_STARTS.format(k)] = np.cumsum([0, *map(len, values)], dtype=np.int64)
    segments = sorted(set(rows.segments) - {""})
    if segments:
        names[SEGMENTS] = tuple(segments)
        arrays[SEGMENT_POPULARITY] = np.stack(
            [_popularity_in(rows, segment, half_life_days=half_life_days) for segment in segments]
        ).astype(np.float32)
    return Parts(names=names, arrays=arrays)


def stored_attributes(parts: Parts, *, n_items: int) -> dict[str, tuple[tuple[str, ...], ...]]:
    """By the name of an attribute, the values of each item; nothing where the bundle has none.

    Raises:
        BundleError: names and arrays do not fit each other.
    """
    found = {}
    for k, name in enumerate(parts.names.get(ATTRIBUTES, ())):
        try:
            values = parts.names[_VALUES.format(k)]
            of, starts = parts.arrays[_OF.format(k)].tolist(), parts.arrays[_STARTS.format(k)].tolist()
            lines = tuple(tuple(values[number] for number in of[begin:end]) for begin, end in pairwise(starts))
        except (KeyError, IndexError) as error:
            raise _broken(f"the attribute {name!r}") from error
        if len(lines) != n_items:
            raise _broken(f"the attribute {name!r} of {len(lines)} items, not {n_items}")
        found[name] = lines
    return found


def stored_segments(parts: Parts, *, n_items: int) -> Mapping[str, Floats]:
    """By the name of a segment, how much it takes each item; nothing where the bundle has none. Raises BundleError."""
    names = parts.names.get(SEGMENTS, ())
    if not names:
        return {}
    table = parts.arrays.get(SEGMENT_POPULARITY)
    if table is None or table.shape != (len(names), n_items):
        raise _broken(f"{SEGMENT_POPULARITY} of {len(names)} segments and {n_items} items")
    return dict(zip(names, table.astype(np.float64), strict=True))


def _popularity_in(rows: Interactions, segment: str, *, half_life_days: float) -> Floats:
    is_in = np.array([own == segment for own in rows.segments], dtype=np.bool_)[rows.users]
    return popularity(
        Interactions(
            users=rows.users[is_in],
            items=rows.items[is_in],
            weights=rows.weights[is_in],
            times_s=rows.times_s[is_in],
            n_users=rows.n_users,
            n_items=rows.n_items,
        ),
        half_life_days=half_life_days,
    )


def _broken(what: str) -> BundleError:
    return BundleError(
        f"the bundle lacks, or has not all of, {what}",
        where="rank",
        mend="Restore the bundle, or train the version again.",
    )
