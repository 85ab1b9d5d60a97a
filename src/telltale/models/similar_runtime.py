"""A version that finds what is alike, at work: an index, loaded from the bundle alone, that follows what comes and goes."""

import math
from collections.abc import Sequence
from typing import Final, Self, final

import numpy as np
import polars as pl

from telltale.contract.answer import Similar, SimilarAnswer
from telltale.contract.errors import BundleError, NotFoundError, UsageError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.kinds import Similarity
from telltale.contract.learners import Described, Fingerprints, Found, SimilarEstimator, SimilarIndex
from telltale.contract.query import Query, SimilarQuery
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.similarity.ragged import starts_of
from telltale.models.similarity.rows import MOST_FINGERPRINT, things_told
from telltale.telemetry.frames import ENTITY

MOST_SIMILAR: Final = 100
_FRAME_ITEMS: Final = 5


@final
class SimilarRuntime:
    """Finds what is like a thing that is known by name, or like one that is told by its fingerprints, its figures, or both.

    What it learns is an index beside the bundle's own: the version never changes.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it does not say what is compared, or lacks parts of the index.
    """

    query: type[Query] = SimilarQuery

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        if bundle.manifest.similarity is None:
            raise BundleError("manifest.json does not say what is compared", where=self._where, mend="Train again.")
        self.similarity: Final[Similarity] = bundle.manifest.similarity
        self._estimator: SimilarEstimator = bundled_estimator(bundle.manifest)
        self._index: SimilarIndex = self._estimator.load(bundle.parts)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    @property
    def index(self) -> SimilarIndex:
        """The things it knows now."""
        return self._index

    def ask(self, queries: Sequence[Query]) -> list[SimilarAnswer]:
        """What is alike for each query, the most similar first; fewer than asked for where there are no more.

        A thing is never like itself: one that is named is left out, whatever is told of it beside.

        Raises:
            NotFoundError: a thing is named that is not known, and nothing else is told of it.
            UsageError: nothing is asked for, `top_k` is out of range, a fingerprint or a figure is none.
        """
        return [self._answer(query) for query in queries]

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The five most similar for every row of a checked frame that tells of something, the thing itself left out."""
        told = things_told(frame, self.similarity).there
        entities = dict(
            frame.filter(pl.col(self.similarity.item).is_not_null()).select(self.similarity.item, ENTITY).rows()
        )
        lines: list[tuple[str, str, int, str, float, str]] = []
        for place, name in enumerate(told.names):
            fingerprints = told.fingerprints[told.starts[place] : told.starts[place + 1]]
            found = self._index.find(fingerprints, told.figures[place], top_k=_FRAME_ITEMS, without=name)
            lines += [
                (entities[name], name, rank, item, alike, found.source)
                for rank, (item, alike) in enumerate(zip(found.names, found.similarities, strict=True), start=1)
            ]
        schema = {
            ENTITY: pl.String,
            self.similarity.item: pl.String,
            "rank": pl.Int64,
            "item": pl.String,
            "similarity": pl.Float64,
            "source": pl.String,
        }
        return pl.DataFrame(lines, schema=schema, orient="row")

    def learn(self, frame: pl.DataFrame) -> Self:
        """One that knows of what the rows tell: what came is found, what went is not. Raises SchemaError.

        A row without fingerprints does not take the place of what is known with them.
        """
        told = things_told(frame, self.similarity)
        came, gone = told.there, set(told.went)
        is_poor = self._index.has_fingerprints(came.names) & (np.diff(came.starts) == 0)
        if is_poor.any():
            is_new = ~is_poor | np.array([name in gone for name in came.names], dtype=np.bool_)
            came = _some(came, is_new)
        return self._with(self._index.changed(came, told.went))

    def learned(self) -> Parts:
        """What came and what went since it was trained."""
        return self._index.changes()

    def with_learned(self, parts: Parts) -> Self:
        """The version with these changes, in place of its own. Raises BundleError."""
        return self._with(self._estimator.load(self.bundle.parts, changes=parts))

    def self_test(self) -> None:
        """Ask what is like the first thing, and like nothing known. Raises BundleError if that goes astray."""
        try:
            name = self._index.first_name()
            found = [] if name is None else [self._index.find_like(name, top_k=_FRAME_ITEMS)]
            unknown = np.full(len(self.similarity.figures), np.nan)
            found += [
                self._index.find(np.array([0, 1, 2], dtype=np.int64), figures, top_k=_FRAME_ITEMS)
                for figures in (unknown, np.zeros(len(unknown)))
            ]
        except Exception as error:  # arrays that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        alike = [of for one in found if one is not None for of in one.similarities]
        if not all(0.0 <= of <= 1.0 for of in alike):
            raise BundleError(
                f"the self-test failed: similarities {alike}",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _with(self, index: SimilarIndex) -> Self:
        made = self.__class__(self.bundle)
        made._index = index  # noqa: SLF001 - of this class
        return made

    def _answer(self, query: Query) -> SimilarAnswer:
        assert isinstance(query, SimilarQuery), "asked with another kind of query"
        if not 1 <= query.top_k <= MOST_SIMILAR:
            raise UsageError(f"top_k {query.top_k}", where="top_k", mend=f"Give a number from 1 to {MOST_SIMILAR}.")
        found = self._found(query)
        return SimilarAnswer(
            items=tuple(
                Similar(item=item, similarity=alike)
                for item, alike in zip(found.names, found.similarities, strict=True)
            ),
            source=found.source,
        )

    def _found(self, query: SimilarQuery) -> Found:
        item, prints = self.similarity.item, self.similarity.fingerprints
        if not query.fingerprints and not query.figures:
            if query.item is None:
                raise UsageError(
                    "nothing is asked for",
                    where=self._where,
                    mend=f"Name a known {item}, or send its {prints} or some of {', '.join(self.similarity.figures)}.",
                )
            found = self._index.find_like(query.item, top_k=query.top_k)
            if found is None:
                raise NotFoundError(
                    f"{query.item!r} is not known",
                    where=self._where,
                    mend=f"Send its {prints} too, or store an event of it first: then it is known.",
                )
            return found
        return self._index.find(
            self._fingerprints(query.fingerprints),
            self._figures(query.figures),
            top_k=query.top_k,
            without=query.item or "",
        )

    def _fingerprints(self, given: tuple[int, ...]) -> Fingerprints:
        if given and not (min(given) >= 0 and max(given) <= MOST_FINGERPRINT):
            raise UsageError(
                f"{min(given)} to {max(given)}",
                where=self.similarity.fingerprints,
                mend=f"Fingerprints are whole numbers from 0 to {MOST_FINGERPRINT}.",
            )
        return np.array(given, dtype=np.int64)

    def _figures(self, given: dict[str, float]) -> Floats:
        for name, value in given.items():
            if name not in self.similarity.figures:
                raise UsageError.not_one_of(name, self.similarity.figures, where="figures")
            if not math.isfinite(value):
                raise UsageError(f"{name} is {value}", where="figures", mend="Leave out what is not known.")
        return np.array([given.get(name, np.nan) for name in self.similarity.figures])


def _some(things: Described, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Described:
    """Those of them that are marked."""
    lengths = np.diff(things.starts)
    return Described(
        names=[name for name, is_in in zip(things.names, which.tolist(), strict=True) if is_in],
        fingerprints=things.fingerprints[np.repeat(which, lengths)],
        starts=starts_of(lengths[which]),
        figures=things.figures[which],
    )
