"""What goes into a runtime and what comes out."""

from collections.abc import Sequence
from typing import Literal, Protocol, Self

import msgspec
import polars as pl

from telltale.contract.estimator import Parts
from telltale.contract.query import Query

Context = Literal["row", "window"]
# A measured value: a number, a text in a column of text, None where there is none.
RowValue = float | str | None
# Values as checked, event time in epoch seconds, entity, and whether reasons are wanted whatever the decision.
CheckedRow = tuple[Sequence[RowValue], float, str | None, bool]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One or more consecutive rows of one entity, oldest first; the last row is the one to be decided.

    Args:
        rows: values in the order of the version's columns, each row of the same length; None is a missing value.
        times: event times in epoch seconds (UTC), one per row.
        entity: whose rows they are, or None.
        is_stored: they are rows of the event store: what a version that adapts has learned of the rows before them counts.
    """

    rows: Sequence[Sequence[RowValue]]
    times: Sequence[float]
    entity: str | None = None
    is_stored: bool = False


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a row scores high: a metric outside the range expected at that time, or after the rows just before.

    `expected_low` and `expected_high` are in the unit of `value`. `distance` counts robust deviations from the middle
    of the range, signed. `against` says what the range comes from. Where the model reads a window of rows, all of these are of
    the row of it where the metric was furthest outside: so many `rows_before` the one that is decided, at the time `at` (ISO
    8601; left out where rows have none). Else they are of the row that is decided, and both are left out.
    """

    metric: str
    value: float
    expected_low: float
    expected_high: float
    distance: float
    against: Literal["level", "rows before"] = "level"
    at: str | msgspec.UnsetType = msgspec.UNSET
    rows_before: int | msgspec.UnsetType = msgspec.UNSET


class ScoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of a task of kind "score".

    `score` is finite and higher = more likely the task's event; `decision` is `score >= threshold`. `context` says
    whether history was at hand ("window") or the plan's declared fall-back was used ("row"). `entity_is_new` says that the
    version knows nothing of this entity by itself (it came after training, or had too few rows there), so that what is
    expected of it rests on what all entities do, and on its own last rows where the version looks at those.
    """

    score: float
    decision: bool
    threshold: float
    context: Context
    reasons: tuple[Reason, ...] = ()
    entity_is_new: bool = False


class ChoiceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The cheapest choice, and what each was predicted to cost, in `unit`."""

    choice: str
    costs: dict[str, float]
    unit: str
    context: Context


class SegmentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is alike: the segment, its name for people, how far from its middle, and the share of rows in training.

    `rule` says in words which rows most of the segment is made of. Where the division is made for what comes later, segments are
    counted from the best, `points` are what the row's columns add up to, from 0 to 100, which alone decide the segment, and
    `expected` has what is to come by its name; with `explain`, `points_of` has the points that each column gave.
    """

    segment: int
    name: str
    distance: float
    share: float
    context: Context
    rule: str = ""
    points: int | None = None
    expected: dict[str, float] | None = None
    points_of: dict[str, int] | None = None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """An item and its score; higher comes first."""

    item: str
    score: float


class RankAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Items, best first. `source` says what the order rests on."""

    items: tuple[Ranked, ...]
    source: Literal["personal", "session", "segment", "popular"]


class ForecastStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step ahead: when (ISO 8601), the expected value, and the interval."""

    time: str
    value: float
    low: float
    high: float


class ForecastAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A series continued. `origin` is the time of the last value known; `level` the share the interval should hold."""

    method: str
    origin: str
    level: float
    steps: tuple[ForecastStep, ...]


class VerifyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a row is by the entity it is said to be of: `decision` is `score >= threshold`.

    `score` is finite and higher = more likely the entity's own; `confidence` is the same as a whole number from 0 to 100: the
    chance that it is their own where that is as likely as not beforehand. `n_samples` rows of the entity were compared with.
    `replayed` says that the row is one of those again, or as good as: then the decision is no, whatever the score.
    """

    score: float
    decision: bool
    threshold: float
    confidence: int
    n_samples: int
    replayed: bool = False


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """A thing like what was asked for: `similarity` from 0 to 1, of the fingerprints in common, or of the figures."""

    item: str
    similarity: float


class SimilarAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The most similar first; `source` says what was compared, "none" where nothing is alike."""

    items: tuple[Similar, ...]
    source: Literal["fingerprints", "figures", "none"]


class NextAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is worth fetching before it is asked for, most likely first; nothing where that has not paid of late.

    `source` says what foretold it; `precision` which share of what would have been foretold over the recent ones came.
    """

    items: tuple[Ranked, ...]
    source: Literal["stride", "association", "network", "none"]
    precision: float | None


class ActAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, by column; the probability with which that was chosen, and the reward that is expected of it.

    Store the propensity with what came of it, or give the prediction's id with the feedback: without it no log can say
    what another policy would have led to. `n_learned` counts the rewards learned from since the version was trained.
    """

    action: dict[str, float | str]
    propensity: float
    expected: float
    n_learned: int


Answer = (
    ScoreAnswer
    | ChoiceAnswer
    | SegmentAnswer
    | RankAnswer
    | ForecastAnswer
    | VerifyAnswer
    | SimilarAnswer
    | NextAnswer
    | ActAnswer
)


class RowRuntime(Protocol):
    """A trained version that answers rows (kinds score, choose, segment), loaded from its bundle alone.

    An answer depends on the bundle and that input alone: batch size and order do not change it.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        ...

    @property
    def whole_history(self) -> int:
        """How many a whole window has; more of them only place an entity that training had not seen."""
        ...

    def history_of(self, entity: str) -> int:
        """How many rows before the last one change an answer about this entity."""
        ...

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer; more are ignored."""
        ...

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> Sequence[Answer]:
        """One answer per input, in order. Reasons come with `explain` or a positive decision. Raises SchemaError."""
        ...

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> Answer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        ...

    def answer_rows(self, rows: Sequence[CheckedRow]) -> Sequence[Answer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        ...

    def answer_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
        """Answers for every row of a checked frame, row for row: what `telltale score` writes beside entity and time.

        A row's history is the rows before it; with `alone` there is none, as for `answer_rows`.
        """
        ...

    def self_test(self) -> None:
        """Answer something made up from the bundle itself. Raises BundleError where it goes astray."""
        ...


class QueryRuntime(Protocol):
    """A trained version that answers questions about an entity (kinds rank, forecast), loaded from its bundle alone."""

    @property
    def query(self) -> type[Query]:
        """What it is asked with."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        ...

    def ask(self, queries: Sequence[Query]) -> Sequence[Answer]:
        """One answer per query, in order. Raises NotFoundError, UsageError."""
        ...

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Answers for every entity of a checked frame; `@entity` and what `telltale score` writes beside it."""
        ...

    def self_test(self) -> None:
        """Answer something made up from the bundle itself. Raises BundleError where it goes astray."""
        ...


class LearningRuntime(QueryRuntime, Protocol):
    """A version that goes on learning (`LEARNING_KINDS`): what it learned is beside the bundle, and can be taken back.

    Each step makes another runtime and leaves this one as it is, so that requests never see half of one. What a runtime has
    learned is whole in `learned()`: with it, another process answers alike.
    """

    def learn(self, frame: pl.DataFrame) -> Self:
        """One that has learned from checked rows of its event too, in the order of arrival. Raises SchemaError."""
        ...

    def learned(self) -> Parts:
        """All it has learned since it was trained."""
        ...

    def with_learned(self, parts: Parts) -> Self:
        """The version with what was learned, in place of what this one has. Raises BundleError."""
        ...


Runtime = RowRuntime | QueryRuntime
