"""Similar sets among a million, by MinHash: found by the hooks that they share, compared by their sketches."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.contract.learners import Described, Fingerprints, Found
from telltale.models.similarity.figure_cells import Rows, nearest
from telltale.models.similarity.minhash import Hashes, similarities, sketch, sketches
from telltale.models.similarity.packed_names import pack_names
from telltale.models.similarity.ragged import take_rows
from telltale.models.similarity.segment import (
    Lookup,
    Segment,
    candidates,
    make_segment,
    merged,
    segment_arrays,
    segment_from,
    some_sketches,
)

_SETTINGS: Final = ("sketch_size", "hooks", "bucket")
_MIDDLE, _SPREAD, _LEAST = "figure_middle", "figure_spread", "least_similarity"
# Candidates whose sketches are compared: of those that share a hook, those that share the most.
_LEAST_COMPARED: Final = 128
_COMPARED_PER_WANTED: Final = 4
# Of two segments beside the base the newer is merged into the older when it is more than a quarter of it: of a hundred
# thousand additions, one by one, each is sorted some ten times, and a question is put to nine segments at most.
_MERGED_FROM: Final = 4
_SEED: Final = 0  # of cells in segments made after training


@final
class MinHashIndexed:
    """An index of bottom-k sketches; see `telltale.models.similarity.minhash` and `telltale.models.similarity.segment`.

    Two sets that share fewer than `least_similarity` are not called alike: by chance alone two of a million share a hash.

    Not for: sets of thousands where small similarities matter; the error of a sketch of 128 is up to .04.

    References:
        Broder, "On the resemblance and containment of documents" (1997), for MinHash; Lillibridge et al., "Sparse
        indexing: large scale, inline deduplication using sampling and locality", FAST 2009, for hooks.
    """

    name = "minhash"
    kind: Kind = "similar"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"sketch_size": 128, "hooks": 16, "bucket": 256, "least_similarity": 0.05}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(self, things: Described, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Sketch everything and sort the hooks; only the cells of figures are drawn at random."""
        how = Lookup(**{name: int(parameters[name]) for name in _SETTINGS})
        middle, spread = _scale(things.figures)
        segment = _segment(things, middle, spread, how=how, seed=seed)
        tell(f"{len(segment.names):,} things, {len(segment.sketches.values):,} hashes kept.")
        settings = {name: np.array(getattr(how, name), dtype=np.int64) for name in _SETTINGS}
        least = np.array(float(parameters[_LEAST]))
        return Parts(
            arrays={**segment_arrays(segment), **settings, _LEAST: least, _MIDDLE: middle, _SPREAD: spread},
        )

    def load(self, parts: Parts, *, changes: Parts | None = None) -> "MinHashIndex":
        """An index from its arrays, and what was added and removed since."""
        missing = [name for name in (*_SETTINGS, _LEAST, _MIDDLE, _SPREAD) if name not in parts.arrays]
        if missing:
            raise BundleError(f"the index lacks {missing}", where=self.name, mend="Train the version again.")
        base = segment_from(parts.arrays)
        n_figures = base.cells.rows.shape[1]
        if not len(parts.arrays[_MIDDLE]) == len(parts.arrays[_SPREAD]) == n_figures:
            raise BundleError(f"no scale for {n_figures} figures", where=self.name, mend="Train the version again.")
        index = MinHashIndex(
            (base,),
            how=Lookup(**{name: int(parts.arrays[name]) for name in _SETTINGS}),
            middle=parts.arrays[_MIDDLE],
            spread=parts.arrays[_SPREAD],
            least_similarity=float(parts.arrays[_LEAST]),
        )
        return index if changes is None else index.with_changes(changes)


@final
class MinHashIndex:
    """What was trained on as one segment, and what came later as a few small ones, newest last. No name is alive twice.

    Args:
        segments: the base and those after it.
        how: how candidates are found.
        middle, spread: what figures are scaled by, shape (m,).
        least_similarity: less is not alike.
    """

    def __init__(
        self, segments: tuple[Segment, ...], *, how: Lookup, middle: Floats, spread: Floats, least_similarity: float
    ) -> None:
        self._segments = segments
        self._how = how
        self._middle, self._spread = middle, spread
        self._least = least_similarity

    @property
    def n_items(self) -> int:
        """How many there are."""
        return sum(segment.n_alive for segment in self._segments)

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return self._place(name) is not None

    def has_fingerprints(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these names are there with fingerprints."""
        found = np.zeros(len(names), dtype=np.bool_)
        for segment in self._segments:
            numbers = segment.names.numbers_of(names)
            rows = np.flatnonzero(numbers >= 0)
            own = numbers[rows]
            found[rows] |= segment.alive[own] & (np.diff(segment.sketches.starts)[own] > 0)
        return found

    def first_name(self) -> str | None:
        """The one of the lowest number in the oldest segment that has any."""
        for segment in self._segments:
            if segment.alive.any():
                return segment.names.name(int(np.argmax(segment.alive)))
        return None

    def find(self, fingerprints: Fingerprints, figures: Floats, *, top_k: int, without: str = "") -> Found:
        """The most similar ones."""
        asked = sketch(fingerprints, size=self._how.sketch_size)
        return self._find(asked, (figures - self._middle) / self._spread, top_k, self._place(without))

    def exhaustive(self, fingerprints: Fingerprints, *, top_k: int, without: str = "") -> Found:
        """The most similar ones, by a comparison with every sketch."""
        asked, skipped = sketch(fingerprints, size=self._how.sketch_size), self._place(without)
        found: list[tuple[float, str]] = []
        for number, segment in enumerate(self._segments):
            alike = similarities(asked, segment.sketches, size=self._how.sketch_size)
            alike[~segment.alive] = -1.0
            if skipped is not None and skipped[0] == number:
                alike[skipped[1]] = -1.0
            found += _named(segment, np.arange(len(alike)), alike, top_k, least=self._least)
        return _best(found, top_k, source="fingerprints" if found else "none")

    def find_like(self, name: str, *, top_k: int) -> Found | None:
        """The most similar ones to one that is there."""
        place = self._place(name)
        if place is None:
            return None
        segment = self._segments[place[0]]
        figures = segment.cells.rows[place[1]].astype(np.float64)
        return self._find(segment.sketch_of(place[1]), figures, top_k, place)

    def changed(self, added: Described, removed: Sequence[str]) -> Self:
        """With some more and without some others; the base is shared, not copied."""
        gone = [*removed, *added.names]
        segments = [segment.without(gone) for segment in self._segments]
        if len(added.names):
            segments.append(_segment(added, self._middle, self._spread, how=self._how, seed=_SEED))
        while len(segments) > 2 and segments[-2].n_alive < _MERGED_FROM * segments[-1].n_alive:
            segments[-2:] = [merged(segments[-2:], how=self._how, seed=_SEED)]
        return self._with(tuple(segments))

    def changes(self) -> Parts:
        """Every segment but the base, and what is gone from that."""
        arrays: dict[str, NDArray[Any]] = {"removed": segment_arrays(self._segments[0])["removed"]}
        for number, segment in enumerate(self._segments[1:], start=1):
            arrays |= segment_arrays(segment, f"{number}.")
        return Parts(arrays=arrays)

    def with_changes(self, parts: Parts) -> Self:
        """The base with other changes than these. Raises BundleError where they are of something else."""
        base = segment_from({**segment_arrays(self._segments[0]), **parts.arrays})
        numbers = sorted({int(name.partition(".")[0]) for name in parts.arrays if "." in name})
        later = tuple(segment_from(parts.arrays, f"{number}.") for number in numbers)
        if any(segment.cells.rows.shape[1] != len(self._middle) for segment in later):
            raise BundleError("the changes have other figures", where="what was learned", mend="Learn it anew.")
        return self._with((base, *later))

    def n_bytes(self) -> int:
        """Memory that the arrays take."""
        return sum(
            array.nbytes for segment in self._segments for array in (*segment_arrays(segment).values(), segment.alive)
        )

    def _with(self, segments: tuple[Segment, ...]) -> Self:
        return self.__class__(
            segments, how=self._how, middle=self._middle, spread=self._spread, least_similarity=self._least
        )

    def _place(self, name: str) -> tuple[int, int] | None:
        if name:
            for number in range(len(self._segments) - 1, -1, -1):
                place = self._segments[number].place_of(name)
                if place >= 0:
                    return number, place
        return None

    def _find(self, asked: Hashes, figures: Floats, top_k: int, without: tuple[int, int] | None) -> Found:
        if len(asked):
            found = self._by_fingerprints(asked, top_k, without)
            if found:
                return _best(found, top_k, source="fingerprints")
        found = self._by_figures(figures, top_k, without)
        return _best(found, top_k, source="figures" if found else "none")

    def _by_fingerprints(self, asked: Hashes, top_k: int, without: tuple[int, int] | None) -> list[tuple[float, str]]:
        most = max(_LEAST_COMPARED, _COMPARED_PER_WANTED * top_k)
        found: list[tuple[float, str]] = []
        for number, segment in enumerate(self._segments):
            items = candidates(segment, asked, how=self._how, most=most)
            if without is not None and without[0] == number:
                items = items[items != without[1]]
            if not len(items):
                continue
            alike = similarities(asked, some_sketches(segment, items), size=self._how.sketch_size)
            found += _named(segment, items, alike, top_k, least=self._least)
        return found

    def _by_figures(self, figures: Floats, top_k: int, without: tuple[int, int] | None) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        for number, segment in enumerate(self._segments):
            items, distances = nearest(segment.cells, figures, top=top_k + 1, alive=segment.alive)
            if without is not None and without[0] == number:
                distances = distances[items != without[1]]
                items = items[items != without[1]]
            found += _named(segment, items, 1.0 / (1.0 + distances), top_k, least=0.0)
        return found


def _named(
    segment: Segment, items: NDArray[np.int64], alike: Floats, top_k: int, *, least: float
) -> list[tuple[float, str]]:
    """Similarity and name of the best of a segment: all that reach the similarity of the last of them."""
    if len(items) > top_k:
        least = max(least, float(np.partition(alike, len(alike) - top_k)[len(alike) - top_k]))
    return [
        (float(alike[place]), segment.names.name(int(items[place])))
        for place in np.flatnonzero(alike >= least).tolist()
    ]


def _best(found: list[tuple[float, str]], top_k: int, *, source: Any) -> Found:
    """The most similar first; of equal ones, in the order of their names."""
    chosen = sorted(found, key=lambda one: (-one[0], one[1]))[:top_k]
    return Found(names=tuple(name for _, name in chosen), similarities=tuple(of for of, _ in chosen), source=source)


def _segment(things: Described, middle: Floats, spread: Floats, *, how: Lookup, seed: int) -> Segment:
    names, order = pack_names(things.names)
    fingerprints, starts = take_rows(things.fingerprints, things.starts, order)
    return make_segment(
        names,
        sketches(fingerprints, starts, size=how.sketch_size),
        _scaled(things.figures[order], middle, spread),
        how=how,
        seed=seed,
    )


def _scale(figures: Floats) -> tuple[Floats, Floats]:
    """The middle of each figure and its robust deviation, 0 and 1 where there is none."""
    middle, spread = np.zeros(figures.shape[1]), np.ones(figures.shape[1])
    for place in range(figures.shape[1]):
        known = figures[~np.isnan(figures[:, place]), place]
        if len(known):
            middle[place] = np.median(known)
            deviation = 1.4826 * float(np.median(np.abs(known - middle[place]))) or float(known.std())
            spread[place] = deviation if deviation > 0 else 1.0
    return middle, spread


def _scaled(figures: Floats, middle: Floats, spread: Floats) -> Rows:
    """Scaled, and 0 where one is missing; a row that has none stays missing."""
    rows = (figures - middle) / spread
    has_any = ~np.isnan(rows).all(axis=1, keepdims=True)
    return np.asarray(np.where(np.isnan(rows) & has_any, 0.0, rows), dtype=np.float32)


ESTIMATOR: Final = MinHashIndexed()
