"""A feature plan as data: a list of steps, each writing one column from columns before it.

The plan is fitted on training rows and stored in the manifest, so that versions with different features live side by
side. `telltale.features` runs the same plan on a frame, on a window and on one row.
"""

from typing import Final, Literal

import msgspec

# No distance is told further than this, so that a finite value, however large, gives finite features.
FURTHEST: Final = 1e30


class Log(msgspec.Struct, frozen=True, kw_only=True, tag="log", tag_field="op"):
    """Signed logarithm: `sign(x) * ln(1 + |x| / scale)`."""

    out: str
    column: str
    scale: float


class Ratio(msgspec.Struct, frozen=True, kw_only=True, tag="ratio", tag_field="op"):
    """`numerator / max(denominator, floor)`; `floor` > 0 keeps it finite."""

    out: str
    numerator: str
    denominator: str
    floor: float


class Seasonal(msgspec.Struct, frozen=True, kw_only=True, tag="seasonal", tag_field="op"):
    """What a table says of this moment of the period: the level (or the spread) of this hour of this weekday.

    `tables` has one table per entity and, under "", the one for an entity not seen in training. A table divides the
    period (which starts on a Monday, 00:00 UTC) into equal slots; `smooth` interpolates between slot middles. With
    `period_s` 0 the table has one entry, and time is not looked at.
    """

    out: str
    period_s: float
    smooth: bool
    tables: dict[str, tuple[float, ...]]


class Deviation(msgspec.Struct, frozen=True, kw_only=True, tag="deviation", tag_field="op"):
    """`(column - level) / spread`, at most `FURTHEST` either way; `level` and `spread` are columns written before."""

    out: str
    column: str
    level: str
    spread: str


class RateDeviation(msgspec.Struct, frozen=True, kw_only=True, tag="rate_deviation", tag_field="op"):
    """Distance of a share from its level, weighed by how many it was counted over.

    `(sqrt(rate) - level) / sqrt(spread**2 + 1 / (4 * max(count, 1)))`, with `level` and `spread` of the square root:
    the square root of a binomial share has variance `1 / (4 n)` whatever the share (Bartlett 1936; Anscombe 1948), so
    one error among eight requests is no alarm and one in eight of a thousand is.
    """

    out: str
    rate: str
    count: str
    level: str
    spread: str


class Clip(msgspec.Struct, frozen=True, kw_only=True, tag="clip", tag_field="op"):
    """The column, no lower than `low`: for metrics of which less is never the event; no higher than `high`, where that is given."""

    out: str
    column: str
    low: float
    high: float | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, tag="change", tag_field="op"):
    """The value less the median of the `window` rows before it; 0 where there is no row before."""

    out: str
    column: str
    window: int


class Rolling(msgspec.Struct, frozen=True, kw_only=True, tag="rolling", tag_field="op"):
    """A statistic of the last `window` rows, this one included, whatever their times; fewer rows at the start.

    `std` is that of the sample (n - 1), and 0 of one row. A mean or `std` of a row alone is `slope * value + constant` where
    `alone` gives the two: what is to be expected of the rows that are not at hand, so that their want does not stand out.
    """

    out: str
    column: str
    window: int
    stat: Literal["median", "mean", "std"] = "median"
    alone: tuple[float, float] | None = None


class Largest(msgspec.Struct, frozen=True, kw_only=True, tag="largest", tag_field="op"):
    """The largest absolute value among columns."""

    out: str
    columns: tuple[str, ...]


class Norm(msgspec.Struct, frozen=True, kw_only=True, tag="norm", tag_field="op"):
    """Root mean square of columns."""

    out: str
    columns: tuple[str, ...]


class Sum(msgspec.Struct, frozen=True, kw_only=True, tag="sum", tag_field="op"):
    """The sum of columns, each times its weight."""

    out: str
    columns: tuple[str, ...]
    weights: tuple[float, ...]


class OwnLevel(msgspec.Struct, frozen=True, kw_only=True, tag="own_level", tag_field="op"):
    """For an entity that was not seen in training, the median of its last `window` rows, this one included.

    0 for one of `known`: what is usual of those stands in tables. With `known` None nobody is a stranger.
    """

    out: str
    column: str
    window: int
    known: tuple[str, ...] | None


class Missing(msgspec.Struct, frozen=True, kw_only=True, tag="missing", tag_field="op"):
    """1 where the column has no value, else 0."""

    out: str
    column: str


class ForwardFill(msgspec.Struct, frozen=True, kw_only=True, tag="forward_fill", tag_field="op"):
    """The column, or where it has no value the last one of the entity, at most `limit` rows back; else `otherwise`.

    Beside Missing the only step that reads a column of numbers with values missing.
    """

    out: str
    column: str
    limit: int
    otherwise: float


class WindowStat(msgspec.Struct, frozen=True, kw_only=True, tag="window_stat", tag_field="op"):
    """A statistic of the entity's rows of the last `window_s` seconds, this one included: `(t - window_s, t]`.

    Where those are more than `most_rows`, it is of the last so many, so that what serving must keep is bounded. `std` is that of the sample (n - 1), and 0 of one row; `q75` interpolates linearly between ranks; `count` is of rows, `distinct` of values that differ.
    """

    out: str
    column: str
    stat: Literal["mean", "std", "min", "max", "q75", "count", "distinct"]
    window_s: float
    most_rows: int


class Product(msgspec.Struct, frozen=True, kw_only=True, tag="product", tag_field="op"):
    """The product of columns, times `factor`."""

    out: str
    columns: tuple[str, ...]
    factor: float = 1.0


class Lookup(msgspec.Struct, frozen=True, kw_only=True, tag="lookup", tag_field="op"):
    """What a table says of a text; `otherwise` of a text that is not in it, as of none."""

    out: str
    column: str
    table: dict[str, float]
    otherwise: float


class TextStatistic(msgspec.Struct, frozen=True, kw_only=True, tag="text_statistic", tag_field="op"):
    """One figure of a text, as of `telltale.features.text.text_statistic`; `otherwise` of none."""

    out: str
    column: str
    stat: Literal["length", "digits", "signs", "longest", "escapes", "checksum"]
    otherwise: float


class TextSurprise(msgspec.Struct, frozen=True, kw_only=True, tag="text_surprise", tag_field="op"):
    """How rare the n-grams of a text are in normal rows: the mean over its rarest stretch, in bits; `otherwise` of none.

    Bits are counted from where an n-gram is rare. `form` "shapes" takes every letter for one, "characters" tells them
    apart; a digit is any digit in both. With `by_parameter` a text is `name=value&…`, and the n-grams of each name are its
    own. `table` has a value for each bin of hashed n-grams, written as `telltale.features.text_grams.write_table` does.
    """

    out: str
    column: str
    form: Literal["characters", "shapes"]
    size: int
    by_parameter: bool
    table: str
    otherwise: float


class TextOdds(msgspec.Struct, frozen=True, kw_only=True, tag="text_odds", tag_field="op"):
    """What labelled texts say of a text: log odds of the event by its n-grams; 0 where there is no text.

    `columns` are put together in order. The checksum of the whole picks one of `tables`, each fitted on texts of the other
    checksums, so that a training row has no part in what is said of it. A table is of weights for bins of hashed n-grams, as
    `telltale.features.text_odds` writes them; the odds are their mean over the n-grams times `scale`, plus `offset`.
    """

    out: str
    columns: tuple[str, ...]
    tables: tuple[str, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]


Step = (
    Log
    | Ratio
    | Seasonal
    | Deviation
    | RateDeviation
    | Clip
    | Change
    | Rolling
    | Largest
    | Norm
    | ForwardFill
    | WindowStat
    | Product
    | Sum
    | OwnLevel
    | Missing
    | Lookup
    | TextStatistic
    | TextSurprise
    | TextOdds
)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """How a distance or a change is told to a person: a metric, and where its expected range comes from.

    Args:
        distance: the column that counts spreads from the level.
        metric: the column of the value shown, and its name where `told_as` says no other.
        told_as: the measured column that people know, where `metric` is what a step made whole of it; else "".
        level, spread: the columns the distance was computed with.
        log_scale: scale of the Log step between the metric and the distance; None where there is none.
        count: the count column of a RateDeviation; None where the distance is a plain Deviation.
        only_more: less than expected is never the event.
        change: the Change column of the squashed distance, where it is the change that is told; else None.
        squashed: the column that the change is of.
        squash: scale of the Log step between the distance and `squashed`.
        change_spread: the change's own spread on training rows.
    """

    distance: str
    metric: str
    level: str
    spread: str
    log_scale: float | None = None
    count: str | None = None
    only_more: bool = False
    change: str | None = None
    squashed: str = ""
    squash: float = 1.0
    change_spread: float = 1.0
    told_as: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted feature plan.

    Args:
        columns: measured columns read, in the order in which rows carry them.
        steps: run in order.
        features: columns handed to the model, in order.
        explained: the features that reasons are drawn from.
        history: rows before the last one that windowed steps read, of whatever entity.
        known_history: of an entity seen in training, where that is fewer; a window of so many is a whole one. None: as `history`.
        interval_s: usual distance between rows in seconds, 0 where rows carry no time.
        sequence: how many rows' features the model is handed, oldest first, side by side; the features of a row before
            the first one at hand are those of the first.
    """

    columns: tuple[str, ...]
    steps: tuple[Step, ...]
    features: tuple[str, ...]
    explained: tuple[Explained, ...]
    history: int
    interval_s: float
    sequence: int = 1
    known_history: int | None = None

    @property
    def reach(self) -> int:
        """Rows before the last one that change an answer, of whatever entity."""
        return self.history + self.sequence - 1

    @property
    def whole_reach(self) -> int:
        """Rows before the last one that a whole window has; more of them only place an entity that training had not seen."""
        return (self.history if self.known_history is None else self.known_history) + self.sequence - 1

    @property
    def nullable(self) -> frozenset[str]:
        """Measured columns that may have no value, since a step fills them and no other reads them."""
        filled = frozenset(step.column for step in self.steps if isinstance(step, ForwardFill | Missing))
        return filled | self.text

    @property
    def knows_strangers(self) -> bool:
        """It has a level for an entity that was not seen in training: that of the entity's own last rows."""
        return any(isinstance(step, OwnLevel) and step.known for step in self.steps)

    @property
    def text(self) -> frozenset[str]:
        """Measured columns of text."""
        of_one = {step.column for step in self.steps if isinstance(step, Lookup | TextStatistic | TextSurprise)}
        return frozenset(of_one.union(*(step.columns for step in self.steps if isinstance(step, TextOdds))))
