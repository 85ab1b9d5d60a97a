"""The runtime of tasks that verify: a row beside what is kept of whoever it is said to be by."""

from collections.abc import Callable, Sequence
from typing import Final, final

import numpy as np
import polars as pl

from telltale.contract.answer import VerifyAnswer
from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Floats, Verifier, VerifyEstimator
from telltale.contract.kinds import Verification
from telltale.contract.query import Query, VerifyQuery
from telltale.contract.sequence import TimedSequence
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.required_parts import require_parts
from telltale.models.verification.confidence import CONFIDENCE, confidence_of
from telltale.models.verification.profile import unpack
from telltale.models.verification.replays import is_replay
from telltale.models.verification.sequence import timed_sequence
from telltale.models.verification.trials import people_of
from telltale.telemetry.frames import ENTITY, LABEL, TIME

# The profile of an entity as it is packed; None where there is none.
FindProfile = Callable[[str], bytes | None]


def nobody(_entity: str) -> bytes | None:
    """Nobody is enrolled."""
    return None


@final
class VerifyRuntime:
    """Says whether rows are by whom they are said to be by.

    Args:
        bundle: a loaded bundle.
        threshold: in place of the bundle's own.
        find_profile: where what is known of an entity comes from.

    Raises:
        BundleError: it has no threshold, or does not say what is compared.
    """

    query: type[Query] = VerifyQuery

    def __init__(self, bundle: Bundle, *, threshold: float | None = None, find_profile: FindProfile = nobody) -> None:
        self.bundle = bundle
        where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        cut = bundle.manifest.threshold if threshold is None else threshold
        if cut is None or bundle.manifest.verification is None:
            raise BundleError(
                "manifest.json has no threshold, or does not say what is compared",
                where=where,
                mend="Restore the bundle, or train the version again.",
            )
        self.threshold: Final[float] = cut
        self.verification: Final[Verification] = bundle.manifest.verification
        self.find_profile = find_profile
        require_parts(bundle, names=(), arrays=(CONFIDENCE,))
        self._confidence = bundle.parts.arrays[CONFIDENCE]
        estimator: VerifyEstimator = bundled_estimator(bundle.manifest)
        self.verifier: Final[Verifier] = estimator.load(bundle.parts)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    def ask(self, queries: Sequence[Query]) -> list[VerifyAnswer]:
        """One answer per query, in order.

        Raises:
            NotEnoughDataError: a row is too short, or too little is known of whom it is said to be by.
        """
        return [self._answer(query) for query in queries]

    def compare(self, enrolled: Sequence[TimedSequence], sequences: Sequence[TimedSequence]) -> Floats:
        """A score of each sequence beside somebody's enrolled ones, oldest first; shape (n,)."""
        return self.verifier.matcher(enrolled).score(sequences)

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """For every entity of a checked frame its first rows enrolled, and the others verified with them.

        Columns `@entity, time, part` ("enrolled" or "verified"), `score, decision, threshold`, and `label` where there is
        one; rows that are too short, or of entities with too few rows, are left out.
        """
        rows: list[int] = []
        parts: list[str] = []
        scores: list[float | None] = []
        decisions: list[bool | None] = []
        for person in people_of(frame, self.verification):
            found = self.compare(person.enrolled, person.trials) if person.trials else np.zeros(0)
            rows += [*person.enrolled_rows, *person.trial_rows]
            parts += ["enrolled"] * len(person.enrolled) + ["verified"] * len(person.trials)
            scores += [None] * len(person.enrolled) + found.tolist()
            decisions += [None] * len(person.enrolled) + (found >= self.threshold).tolist()
        taken = frame[rows]
        labels = {"label": taken[LABEL]} if LABEL in taken.columns else {}
        return pl.DataFrame(
            {
                ENTITY: taken[ENTITY],
                "time": taken[TIME].dt.to_string("iso:strict"),
                "part": pl.Series(parts, dtype=pl.String),
                "score": pl.Series(scores, dtype=pl.Float64),
                "decision": pl.Series(decisions, dtype=pl.Boolean),
                "threshold": pl.Series([self.threshold] * len(rows), dtype=pl.Float64),
                **labels,
            }
        )

    def self_test(self) -> None:
        """Compare a made-up sequence with itself and with another. Raises BundleError if that goes astray."""
        n = max(self.verification.least_acts, 20)
        began = np.arange(n) * 150.0 + 20.0 * np.sin(np.arange(n))
        kinds = np.arange(n) % len(self.verification.kind_names)
        own = timed_sequence(kinds, began, began + 90.0)
        try:
            scores = self.compare(
                [own] * self.verification.least_samples, [own, timed_sequence(kinds, began * 3, began * 3 + 300.0)]
            )
        except Exception as error:  # parts that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=f"{self.manifest.app}/{self.manifest.task}",
                mend="Restore the bundle, or train the version again.",
            ) from error
        if not np.isfinite(scores).all() or not scores[0] > scores[1]:
            raise BundleError(
                f"the self-test failed: the same again scores {scores[0]}, another {scores[1]}",
                where=f"{self.manifest.app}/{self.manifest.task}",
                mend="Train the version again, and report how it came about.",
            )

    def _answer(self, query: Query) -> VerifyAnswer:
        assert isinstance(query, VerifyQuery), "asked with another kind of query"
        if len(query.kinds) < self.verification.least_acts:
            raise NotEnoughDataError(
                f"{len(query.kinds)} in {self.verification.kinds}",
                where="row",
                mend=f"Give at least {self.verification.least_acts}.",
            )
        packed = self.find_profile(query.entity)
        enrolled = () if packed is None else unpack(packed)
        if len(enrolled) < self.verification.least_samples:
            n_more = self.verification.least_samples - len(enrolled)
            raise NotEnoughDataError(
                f"{len(enrolled)} rows of {query.entity!r} are enrolled",
                where=f"{self.manifest.app}/{self.manifest.task}",
                mend=f"Enrol {n_more} more of their own first.",
            )
        asked = timed_sequence(query.kinds, query.began_ms, query.ended_ms)
        score = float(self.compare(enrolled, [asked])[0])
        replayed = is_replay(asked, enrolled)
        return VerifyAnswer(
            score=score,
            decision=score >= self.threshold and not replayed,
            threshold=self.threshold,
            confidence=confidence_of(score, self._confidence),
            n_samples=len(enrolled),
            replayed=replayed,
        )
