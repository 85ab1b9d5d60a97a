"""A version that foretells what comes next, at work: loaded from the bundle alone."""

from collections.abc import Sequence
from typing import Final, final

import numpy as np
import polars as pl

from telltale.contract.answer import NextAnswer, Ranked
from telltale.contract.errors import BundleError, SchemaError, UsageError
from telltale.contract.learners import NextEstimator, Successor
from telltale.contract.query import NextQuery, Query
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.telemetry.frames import ENTITY, LINE, TIME

MOST_ITEMS: Final = 64
# No more of what was come to of late is looked at: an answer takes the time of so many steps at most.
MOST_RECENT: Final = 64
_FRAME_ITEMS: Final = 4
# For a model to be led through where a bundle is tested: neighbours, and what is neither a number nor known.
_MADE_UP: Final = ("1", "2", "3", "nothing-of-that-name", "3", "4")


@final
class NextRuntime:
    """Foretells what follows after what an entity came to of late. Every answer rests on its question alone.

    A store that embeds the model follows each entity instead (`successor.follow`): then the gate learns as it goes.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it does not say what comes next, or its parts are not whole.
    """

    query: type[Query] = NextQuery

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        if bundle.manifest.succession is None:
            raise BundleError("manifest.json does not say what comes next", where=self._where, mend="Train again.")
        self.item = bundle.manifest.succession.item
        estimator: NextEstimator = bundled_estimator(bundle.manifest)
        self.successor: Successor = estimator.load(bundle.parts)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    def ask(self, queries: Sequence[Query]) -> list[NextAnswer]:
        """What is worth fetching for each query, the likeliest first; of `recent` the last 64 count.

        Raises:
            UsageError: `top_k` is out of range.
        """
        return [self._answer(query) for query in queries]

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The four likeliest next items for every entity of a checked frame, after its last rows; maybe fewer, or none."""
        if self.item not in frame.columns:
            raise SchemaError.missing([self.item], frame.columns, where="rows")
        lines: list[tuple[str, int, str, float, str]] = []
        for entity, items in sequences(frame, self.item).items():
            answer = self._answer(NextQuery(recent=tuple(items), top_k=_FRAME_ITEMS))
            lines += [
                (entity, place, ranked.item, ranked.score, answer.source)
                for place, ranked in enumerate(answer.items, start=1)
            ]
        schema = {ENTITY: pl.String, "rank": pl.Int64, "item": pl.String, "score": pl.Float64, "source": pl.String}
        return pl.DataFrame(lines, schema=schema, orient="row")

    def self_test(self) -> None:
        """Lead the model through a few items. Raises BundleError if that goes astray."""
        try:
            answers = self.ask([NextQuery(recent=_MADE_UP[:n]) for n in range(len(_MADE_UP) + 1)])
        except Exception as error:  # arrays and graph that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        if not all(np.isfinite([ranked.score for ranked in answer.items]).all() for answer in answers):
            raise BundleError(
                "the self-test failed: scores that are not finite",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _answer(self, query: Query) -> NextAnswer:
        assert isinstance(query, NextQuery), "asked with another kind of query"
        if not 1 <= query.top_k <= MOST_ITEMS:
            raise UsageError(f"top_k {query.top_k}", where="top_k", mend=f"Give a number from 1 to {MOST_ITEMS}.")
        foretold = self.successor.foretell(query.recent[-MOST_RECENT:], top_k=query.top_k)
        return NextAnswer(
            items=tuple(
                [Ranked(item=item, score=score) for item, score in zip(foretold.items, foretold.scores, strict=True)]
            ),
            source=foretold.source,
            precision=foretold.precision,
        )


def sequences(frame: pl.DataFrame, item: str) -> dict[str, list[str]]:
    """What each entity of a checked frame came to, oldest first, rows of one moment in the order they were told."""
    rows = frame.filter(pl.col(item).is_not_null()).sort(ENTITY, TIME, LINE)
    return dict(rows.group_by(ENTITY, maintain_order=True).agg(pl.col(item)).iter_rows())
