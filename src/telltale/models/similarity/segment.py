"""A part of an index of sketches that never changes: names, sketches, figures, and the hooks by which candidates are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.models.similarity.figure_cells import FigureCells, Rows, make_cells
from telltale.models.similarity.minhash import Hashes, Sketches, hashed
from telltale.models.similarity.packed_names import PackedNames
from telltale.models.similarity.ragged import places_of, starts_of, take_rows

Numbers = NDArray[np.int64]

_BITS: Final = np.uint64(32)
_ARRAYS: Final = (
    *("name_hashes", "name_text", "name_starts", "sketch_values", "sketch_starts"),
    *("figures", "cell_centres", "cell_items", "cell_starts", "hook_keys", "hook_items", "removed"),
)


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """How candidates are found.

    Args:
        sketch_size: hashes kept of a set.
        hooks: so many of them, the smallest, lead to the set: two sets of similarity s share none with a chance of about
            (1 - s) ** hooks.
        bucket: of sets with the same hook only so many are found by it, or a block of zeros would cost seconds.
    """

    sketch_size: int
    hooks: int
    bucket: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Things numbered from 0, in the order of the hashes of their names.

    Args:
        names, sketches: of each.
        cells: scaled figures of each.
        hook_keys, hook_items: hooks, ascending, and the number of the thing each leads to.
        alive: which of them are still there, shape (n,).
    """

    names: PackedNames
    sketches: Sketches
    cells: FigureCells
    hook_keys: Hashes
    hook_items: NDArray[np.uint32]
    alive: NDArray[np.bool_]

    @property
    def n_alive(self) -> int:
        """How many are still there."""
        return int(np.count_nonzero(self.alive))

    def place_of(self, name: str) -> int:
        """The number of a thing that is there, or -1."""
        number = int(self.names.numbers_of([name])[0])
        return number if number >= 0 and self.alive[number] else -1

    def sketch_of(self, number: int) -> Hashes:
        """The sketch of one."""
        return self.sketches.values[self.sketches.starts[number] : self.sketches.starts[number + 1]]

    def without(self, names: Sequence[str]) -> "Segment":
        """The same, where these are no longer there."""
        numbers = self.names.numbers_of(names)
        numbers = numbers[numbers >= 0]
        if not self.alive[numbers].any():
            return self
        alive = self.alive.copy()
        alive[numbers] = False
        return replace(self, alive=alive)


def make_segment(names: PackedNames, sketches: Sketches, figures: Rows, *, how: Lookup, seed: int) -> Segment:
    """A segment of things whose names, sketches and scaled figures are in one order."""
    keys, items = _hooks(sketches, how)
    return Segment(
        names=names,
        sketches=sketches,
        cells=make_cells(figures, seed=seed),
        hook_keys=keys,
        hook_items=items,
        alive=np.ones(len(names), dtype=np.bool_),
    )


def candidates(segment: Segment, asked: Hashes, *, how: Lookup, most: int) -> Numbers:
    """The numbers of things that share hooks with a sketch: those that share the most, at most so many."""
    hooks = asked[: how.hooks]
    begins = np.searchsorted(segment.hook_keys, hooks, side="left")
    lengths = np.searchsorted(segment.hook_keys, hooks, side="right") - begins
    items = segment.hook_items[places_of(begins, lengths)].astype(np.int64)
    items, n_shared = np.unique(items[segment.alive[items]], return_counts=True)
    if len(items) <= most:
        return np.asarray(items)
    return np.asarray(items[np.lexsort((items, -n_shared))[:most]])


def some_sketches(segment: Segment, numbers: Numbers) -> Sketches:
    """The sketches of some things, in the order asked for."""
    values, starts = take_rows(segment.sketches.values, segment.sketches.starts, numbers)
    return Sketches(values=values, starts=starts)


def merged(segments: Sequence[Segment], *, how: Lookup, seed: int) -> Segment:
    """One segment of all that is alive in several, which have no name in common."""
    parts = [np.flatnonzero(segment.alive) for segment in segments]
    names = [segment.names.taken(part) for segment, part in zip(segments, parts, strict=True)]
    kept = [some_sketches(segment, part) for segment, part in zip(segments, parts, strict=True)]
    figures = np.concatenate([segment.cells.rows[part] for segment, part in zip(segments, parts, strict=True)])
    hashes = np.concatenate([of.hashes for of in names])
    order = np.argsort(hashes, kind="stable")
    together = PackedNames(
        hashes=hashes,
        text=np.concatenate([of.text for of in names]),
        starts=starts_of(np.concatenate([np.diff(of.starts) for of in names])),
    )
    values, starts = take_rows(
        np.concatenate([of.values for of in kept]),
        starts_of(np.concatenate([np.diff(of.starts) for of in kept])),
        order,
    )
    return make_segment(
        together.taken(order), Sketches(values=values, starts=starts), figures[order], how=how, seed=seed
    )


def segment_arrays(segment: Segment, prefix: str = "") -> dict[str, NDArray[Any]]:
    """All of it, to be stored."""
    arrays: tuple[NDArray[Any], ...] = (
        *(segment.names.hashes, segment.names.text, segment.names.starts),
        *(segment.sketches.values, segment.sketches.starts),
        *(segment.cells.rows, segment.cells.centres, segment.cells.items, segment.cells.starts),
        *(segment.hook_keys, segment.hook_items, np.flatnonzero(~segment.alive).astype(np.uint32)),
    )
    return {f"{prefix}{name}": array for name, array in zip(_ARRAYS, arrays, strict=True)}


def segment_from(arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Segment:
    """A segment from `segment_arrays`; nothing is copied. Raises BundleError where arrays are missing or do not fit."""
    missing = [name for name in _ARRAYS if f"{prefix}{name}" not in arrays]
    if missing:
        raise _misfit(f"the index lacks {missing}")
    of = {name: arrays[f"{prefix}{name}"] for name in _ARRAYS}
    n = len(of["name_hashes"])
    alive = np.ones(n, dtype=np.bool_)
    rows = (("name_starts", "name_text"), ("sketch_starts", "sketch_values"), ("cell_starts", "cell_items"))
    fits = (
        len(of["name_starts"]) == len(of["sketch_starts"]) == n + 1
        and of["figures"].ndim == of["cell_centres"].ndim == 2
        and len(of["figures"]) == n
        and of["cell_centres"].shape == (len(of["cell_starts"]) - 1, of["figures"].shape[1])
        and len(of["hook_keys"]) == len(of["hook_items"])
        and all(int(of[starts][-1]) == len(of[flat]) for starts, flat in rows)
        and all(not len(of[name]) or int(of[name].max()) < n for name in ("cell_items", "hook_items", "removed"))
    )
    if not fits:
        raise _misfit(f"the arrays of {n} things do not fit each other")
    alive[of["removed"].astype(np.int64)] = False
    return Segment(
        names=PackedNames(hashes=of["name_hashes"], text=of["name_text"], starts=of["name_starts"]),
        sketches=Sketches(values=of["sketch_values"], starts=of["sketch_starts"]),
        cells=FigureCells(
            rows=of["figures"], centres=of["cell_centres"], items=of["cell_items"], starts=of["cell_starts"]
        ),
        hook_keys=of["hook_keys"],
        hook_items=of["hook_items"],
        alive=alive,
    )


def _hooks(sketches: Sketches, how: Lookup) -> tuple[Hashes, NDArray[np.uint32]]:
    """Hooks, ascending, and what each leads to; of a hook that many things have, only some of them."""
    lengths = np.minimum(np.diff(sketches.starts), how.hooks)
    keys = sketches.values[places_of(sketches.starts[:-1], lengths)].astype(np.uint64)
    pairs = np.sort(keys << _BITS | np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths))
    hooks = (pairs >> _BITS).astype(np.uint32)
    is_first = np.ones(len(hooks), dtype=np.bool_)
    is_first[1:] = hooks[1:] != hooks[:-1]
    firsts = np.flatnonzero(is_first)
    of = np.cumsum(is_first) - 1
    n_of = np.diff(np.append(firsts, len(hooks)))
    is_kept = np.ones(len(hooks), dtype=np.bool_)
    crowded = np.flatnonzero((n_of > how.bucket)[of])
    # Others for each hook: were it the first ones everywhere, the last things would be found by none of theirs.
    drawn = crowded[np.lexsort((hashed(pairs[crowded].view(np.int64)), of[crowded]))]
    is_kept[drawn] = np.arange(len(drawn)) - np.searchsorted(of[drawn], of[drawn]) < how.bucket
    return hooks[is_kept], pairs[is_kept].astype(np.uint32)


def _misfit(what: str) -> BundleError:
    return BundleError(what, where="arrays.safetensors", mend="Restore the bundle, or train the version again.")
