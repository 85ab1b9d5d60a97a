"""A version that orders items, at work: a ranker and who has seen what, loaded from the bundle alone."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, Literal, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.answer import RankAnswer, Ranked
from telltale.contract.errors import BundleError, SchemaError, UsageError
from telltale.contract.estimator import Floats, Ranker, RankEstimator
from telltale.contract.query import Query, RankQuery
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.popular import ESTIMATOR as BASELINE
from telltale.models.recommend.catalogue_parts import stored_attributes, stored_segments
from telltale.models.recommend.diversity import diversify
from telltale.models.recommend.item_attributes import ItemAttributes, companions
from telltale.models.required_parts import require_parts
from telltale.telemetry.frames import ENTITY

# What training adds to the estimator's parts.
ITEMS, ENTITIES = "items", "entities"  # names, in the order of their numbers
SEEN, SEEN_STARTS = "seen", "seen_starts"  # items of all entities one after another, and where each one's begin
POPULARITY: Final = "popularity_of_items"

MOST_ITEMS: Final = 1_000
_FRAME_ITEMS: Final = 10
_TRIED: Final = 5  # times `top_k` items are tried where they are to be unlike each other

Numbers = NDArray[np.int64]
Source = Literal["personal", "session", "segment", "popular"]


@final
class RankRuntime:
    """Orders items for an entity that has had some, for one told by what it has seen, for a group, or for nobody in particular.

    Whoever has had items, in training or since (`RankQuery.had`), is answered from them: an entity that came after training
    needs no new version.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it lacks items, entities or what they have seen.
    """

    query: type[Query] = RankQuery

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        require_parts(bundle, names=(ITEMS, ENTITIES), arrays=(SEEN, SEEN_STARTS, POPULARITY))
        if bundle.manifest.ranking is None:
            raise BundleError("manifest.json does not say what is ranked", where=self._where, mend="Train again.")
        names, arrays = bundle.parts.names, bundle.parts.arrays
        self._ranking = bundle.manifest.ranking
        self.items = names[ITEMS]
        self._item_number = {name: number for number, name in enumerate(self.items)}
        self._entity_number = {name: number for number, name in enumerate(names[ENTITIES])}
        self._seen: NDArray[Any] = arrays[SEEN]
        self._starts: list[int] = arrays[SEEN_STARTS].tolist()
        self._popularity: Floats = arrays[POPULARITY].astype(np.float64)
        if len(self._starts) != len(self._entity_number) + 1 or len(self._popularity) != len(self.items):
            raise BundleError(
                f"{len(self._starts)} starts for {len(self._entity_number)} entities, "
                f"{len(self._popularity)} counts for {len(self.items)} items",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            )
        estimator: RankEstimator = bundled_estimator(bundle.manifest)
        self._ranker: Ranker = estimator.load(bundle.parts)
        self._is_personal = estimator.name != BASELINE.name
        self._attributes = ItemAttributes(
            stored_attributes(bundle.parts, n_items=len(self.items)), n_items=len(self.items)
        )
        self._segments = stored_segments(bundle.parts, n_items=len(self.items))

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    def ask(self, queries: Sequence[Query]) -> list[RankAnswer]:
        """Items for each query, best first; fewer than asked for where there are no more.

        An entity that training did not see, and items that it did not, are passed over; where nothing is left that
        tells one entity from another the answer is what most have taken in the segment, where one is told and known, or
        else at all; `source` says which. Scores are of one source, and with `diversity` the order is not theirs alone.

        Raises:
            UsageError: `top_k` or `diversity` is out of range, or a filter is of an attribute that is not known.
        """
        return [self._answer(query) for query in queries]

    def seen_by(self, entity: str | None) -> tuple[str, ...]:
        """The items that an entity had seen in training, oldest first; none where it is not known."""
        return tuple(self.items[number] for number in self._known_items(entity))

    def popular(self, top_k: int, *, without: Sequence[str] = ()) -> tuple[str, ...]:
        """What most have taken, but for some items: the baseline that an order is judged beside."""
        scores = self._popularity.copy()
        scores[[self._item_number[item] for item in without if item in self._item_number]] = -np.inf
        order = best(scores, self._popularity, top_k)
        return tuple(self.items[number] for number in order.tolist() if scores[number] > -np.inf)

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The ten best items for every entity of a checked frame, its rows' items taken as seen."""
        item = self._ranking.item
        if item not in frame.columns:
            raise SchemaError.missing([item], frame.columns, where="rows")
        lines: list[tuple[str, int, str, float, str]] = []
        for (entity,), rows in frame.partition_by(ENTITY, as_dict=True, maintain_order=True).items():
            answer = self._answer(
                RankQuery(entity=str(entity), seen=tuple(rows[item].to_list()), top_k=_FRAME_ITEMS),
            )
            lines += [
                (str(entity), place, ranked.item, ranked.score, answer.source)
                for place, ranked in enumerate(answer.items, start=1)
            ]
        schema = {ENTITY: pl.String, "rank": pl.Int64, "item": pl.String, "score": pl.Float64, "source": pl.String}
        return pl.DataFrame(lines, schema=schema, orient="row")

    def self_test(self) -> None:
        """Order items for the first entity and for nobody. Raises BundleError if that goes astray."""
        first = next(iter(self._entity_number), None)
        try:
            answers = self.ask([RankQuery(entity=first, include_seen=True), RankQuery(include_seen=True)])
        except Exception as error:  # ranker and names that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        scores = [ranked.score for answer in answers for ranked in answer.items]
        if not scores or not np.isfinite(scores).all():
            raise BundleError(
                "the self-test failed: no items, or scores that are not finite",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _known_items(self, entity: str | None) -> list[int]:
        number = None if entity is None else self._entity_number.get(entity)
        if number is None:
            return []
        found: list[int] = self._seen[self._starts[number] : self._starts[number + 1]].tolist()
        return found

    def _numbers(self, items: Sequence[str]) -> list[int]:
        """Of the items that training saw."""
        return [self._item_number[item] for item in items if item in self._item_number]

    def _scores(self, past: list[int], session: list[int], segment: str | None) -> tuple[Floats, Source]:
        if past or session:
            scores = self._ranker.score(past, session)
            if scores.max() > scores.min():
                source: Source = "personal" if past else "session"
                return scores, source if self._is_personal else "popular"
            # The model has nothing to say of these items.
        if segment is not None and segment in self._segments:
            return self._segments[segment], "segment"
        return self._popularity, "popular"

    def _answer(self, query: Query) -> RankAnswer:
        assert isinstance(query, RankQuery), "asked with another kind of query"
        if not 1 <= query.top_k <= MOST_ITEMS:
            raise UsageError(f"top_k {query.top_k}", where="top_k", mend=f"Give a number from 1 to {MOST_ITEMS}.")
        if not 0 <= query.diversity <= 1:
            raise UsageError(f"diversity {query.diversity}", where="diversity", mend="Give a number from 0 to 1.")
        past = self._known_items(query.entity) + self._numbers(query.had)
        session = self._numbers(query.seen)
        scores, source = self._scores(past, session, query.segment)
        scores = scores.copy()
        scores[self._numbers(query.without)] = -np.inf
        if not query.include_seen:
            scores[past + session] = -np.inf
        if query.filters:
            scores[~self._attributes.wanted(query.filters)] = -np.inf
        if query.diversity:
            order = best(scores, self._popularity, _TRIED * query.top_k)
            order = diversify(
                order[scores[order] > -np.inf],
                scores,
                self._likeness,
                top_k=query.top_k,
                diversity=query.diversity,
            )
        else:
            order = best(scores, self._popularity, query.top_k)
        return RankAnswer(
            items=tuple(
                Ranked(item=self.items[number], score=score)
                for number, score in zip(order.tolist(), scores[order].tolist(), strict=True)
                if score > -np.inf
            ),
            source=source,
        )

    def _likeness(self, items: Numbers) -> Floats:
        """Of each two of some items: by what they are, or where that is not known by who took them."""
        if not self._attributes.is_empty:
            return self._attributes.likeness(items)
        own = self._companions[items]
        return np.asarray(np.maximum(own @ own.T, 0.0), dtype=np.float64)

    @cached_property
    def _companions(self) -> NDArray[np.float32]:
        users = np.repeat(np.arange(len(self._entity_number)), np.diff(self._starts))
        return companions(users, self._seen.astype(np.int64), n_items=len(self.items))


def best(scores: Floats, popularity: Floats, n: int) -> NDArray[np.int64]:
    """The numbers of the `n` best items, best first; of equal ones the more popular, then the earlier."""
    n = min(n, len(scores))
    if n < len(scores):
        # All that reach the n-th score, so that ties at the cut are broken by popularity too.
        at = np.flatnonzero(scores >= np.partition(scores, len(scores) - n)[len(scores) - n])
    else:
        at = np.arange(len(scores))
    order = np.lexsort((at, -popularity[at], -scores[at]))[:n]
    return at[order].astype(np.int64)
