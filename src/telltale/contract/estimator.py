"""What a model promises: fit on rows, come back from stored parts, answer. One protocol per kind of task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.kinds import Kind
from telltale.contract.sequence import TimedSequence

Parameter = int | float | str
Parameters = Mapping[str, Parameter]
Features = NDArray[np.float32]  # shape (n rows, k features), finite
Scores = NDArray[np.float64]  # shape (n rows,), finite, HIGHER = more likely the event
Groups = NDArray[np.int64]  # shape (n rows,), a number per entity: whose each row is
Floats = NDArray[np.float64]
Seasons = tuple[int, ...]  # periods in steps, shortest first, each above 1 and known twice at least; maybe none
Tell = Callable[[str], None]  # a line for people, while it goes on


def silent(_line: str) -> None:
    """Lines that nobody reads."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What tuning may give one parameter: a value of a range, ends included, or of a list (kind "category")."""

    kind: Literal["int", "float", "category"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    values: tuple[Parameter, ...] = ()


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a fitted model is made of, ready to be stored: an ONNX graph, arrays, lists of names. Never a pickle."""

    onnx: bytes | None = None
    arrays: dict[str, NDArray[Any]] = {}
    names: dict[str, tuple[str, ...]] = {}


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel must know of an estimator before it can use it.

    Args:
        needs: modules that training imports and the base install lacks ("torch"); answering needs none of them.
        needs_labels: it learns from rows labelled 0 and 1.
        is_costly: a fit takes so long that the threshold is set from one left-out fold in place of four.
        validates: it keeps some training rows to validate on while it learns, and `fit` takes `groups` for that
            (`ValidatingEstimator`).
        needs_outcomes: it divides rows by what came of them later, known of some (`ValueEstimator`).
        tells_rarity: its score without labels is how rare it is among normal rows: 1 where a tenth of them score higher,
            3 for one in 1,000. Where to cut then follows from how many false alarms are wanted.
        adapts: it goes on learning with every row (`telltale.contract.stream.StreamEstimator`), and reads the measured
            columns as they are.
        columns: how many of them it is for.
    """

    needs: tuple[str, ...] = ()
    needs_labels: bool = False
    is_costly: bool = False
    validates: bool = False
    needs_outcomes: bool = False
    tells_rarity: bool = False
    adapts: bool = False
    columns: Literal["any", "one", "several"] = "any"


class AnyEstimator(Protocol):
    """A kind of model. Stateless: `fit` returns parts, `load` makes something that answers of them.

    `load` and what it returns import no training library. An integer parameter `sequence` above 1 asks for the last so
    many rows of an entity in each line of the features, oldest first, side by side: shape (n, sequence * k).
    """

    @property
    def name(self) -> str:
        """The name in manifests and on the command line."""
        ...

    @property
    def kind(self) -> Kind:
        """The tasks it is for."""
        ...

    @property
    def traits(self) -> Traits:
        """What it needs."""
        ...

    @property
    def defaults(self) -> Parameters:
        """Parameters and the values used where none is given."""
        ...

    @property
    def search_space(self) -> Mapping[str, Choice]:
        """What `--tune` may vary."""
        ...

    @property
    def grid(self) -> Mapping[str, tuple[Parameter, ...]]:
        """What `--grid-search` tries, every combination."""
        ...


class Scorer(Protocol):
    """A fitted model. Row-wise: a row's score does not depend on the rows beside it."""

    def score(self, features: Features) -> Scores:
        """One score per row."""
        ...

    def score_one(self, features: Features) -> float:
        """The score of a matrix of one row, by the quickest way."""
        ...


class Estimator(AnyEstimator, Protocol):
    """A model that scores."""

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Fit on training rows; `labels` (0/1, -1 unknown) may be ignored. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Scorer:
        """A scorer from stored parts alone. Raises BundleError."""
        ...


class ValidatingEstimator(Estimator, Protocol):
    """A model that scores, and keeps some training rows to validate on while it learns."""

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
        groups: Groups | None = None,
    ) -> Parts:
        """Fit; with `groups`, all rows of one are learned from, or all are validated on."""
        ...


class OutcomeModel(Protocol):
    """A fitted model of several outcomes. Row-wise."""

    def predict(self, features: Features) -> Floats:
        """Outcomes, shape (n rows, m outcomes), in the order they were fitted in."""
        ...


class OutcomeEstimator(AnyEstimator, Protocol):
    """A model that predicts what choices lead to."""

    def fit(
        self, features: Features, *, outcomes: Floats, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Fit on rows; `outcomes` has shape (n, m), NaN where one was not measured. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> OutcomeModel:
        """A model from stored parts alone. Raises BundleError."""
        ...


class Assigner(Protocol):
    """A fitted division into segments. Row-wise."""

    def assign(self, features: Features) -> tuple[NDArray[np.int64], Floats]:
        """The segment of each row, and its distance from the segment's middle."""
        ...


class SegmentEstimator(AnyEstimator, Protocol):
    """A model that divides rows into segments."""

    def fit(self, features: Features, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Fit on rows. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Assigner:
        """An assigner from stored parts alone. Raises BundleError."""
        ...


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """What points say of rows.

    Args:
        of: shape (n rows, k features), whole numbers; a row's sum decides its segment.
        expected: shape (n rows, m outcomes), of what is to come.
    """

    of: NDArray[np.int64]
    expected: Floats


class PointsAssigner(Assigner, Protocol):
    """A fitted division by points. Row-wise. Segments are counted from the best."""

    def points(self, features: Features) -> Points:
        """What each feature of each row gives, and what is expected of the row."""
        ...


class ValueEstimator(AnyEstimator, Protocol):
    """A model that divides rows into segments by what came of such rows later."""

    def fit(
        self,
        features: Features,
        *,
        outcomes: Floats,
        cuts: Sequence[Floats],
        groups: Groups,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Fit on rows. Same seed, same parts.

        Args:
            features: of all rows.
            outcomes: shape (n rows, m), NaN where it is not known; the first is what segments are to tell apart.
            cuts: of each feature the values, rising, at which people would tell its rows apart.
            groups: whose each row is: rows of one are resampled together.
            parameters: complete.
            seed: of what is drawn.
            tell: given lines for people.
        """
        ...

    def load(self, parts: Parts) -> PointsAssigner:
        """An assigner from stored parts alone. Raises BundleError."""
        ...


class Interactions(msgspec.Struct, frozen=True, kw_only=True):
    """Who took what: arrays of one length. `users` and `items` count from 0; `times_s` is 0 where time is not known.

    Rows of one user stand together, oldest first. `attributes` has, by name, the values of each item (n items, maybe none);
    `segments` the group of each user (n users; "" where it is not known), or nothing.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    weights: Floats
    times_s: Floats
    n_users: int
    n_items: int
    attributes: Mapping[str, Sequence[tuple[str, ...]]] = {}
    segments: tuple[str, ...] = ()


class Ranker(Protocol):
    """A fitted order of items, for whoever has seen some items: nobody needs to be known from training."""

    def score(self, past: Sequence[int], session: Sequence[int] = ()) -> Floats:
        """A score for every item, shape (n items,), of one who had `past` before and came to `session` in this visit.

        Both oldest first, and any of them may be empty.
        """
        ...


class RankEstimator(AnyEstimator, Protocol):
    """A model that orders items."""

    def fit(self, rows: Interactions, *, parameters: Parameters, seed: int, tell: Tell = silent) -> Parts:
        """Fit on interactions. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Ranker:
        """A ranker from stored parts alone. Raises BundleError."""
        ...


class Continued(msgspec.Struct, frozen=True, kw_only=True):
    """A series continued: expected values and interval, each of the shape (horizon,), and what was done in the end."""

    values: Floats
    low: Floats
    high: Floats
    method: str = ""


class ForecastEstimator(AnyEstimator, Protocol):
    """A method that continues series, each by itself. It is not loaded again: a bundle keeps what it said."""

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one evenly spaced series, oldest first, at least one value, with these seasons."""
        ...


class Matcher(Protocol):
    """Somebody's enrolled sequences, ready to be compared with others."""

    def score(self, sequences: Sequence[TimedSequence]) -> Floats:
        """One score per sequence, shape (n,), finite, HIGHER = more likely theirs; on one scale for everybody."""
        ...


class Verifier(Protocol):
    """A fitted way to compare sequences with somebody's own: nobody needs to be known from training."""

    def matcher(self, enrolled: Sequence[TimedSequence]) -> Matcher:
        """Of sequences of one entity, oldest first; at least one."""
        ...


class VerifyEstimator(AnyEstimator, Protocol):
    """A model of how sequences of one entity are alike, and unlike those of others."""

    def fit(
        self, people: Sequence[Sequence[TimedSequence]], *, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Fit on the own sequences of several entities, oldest first. Same seed, same parts."""
        ...

    def load(self, parts: Parts) -> Verifier:
        """A verifier from stored parts alone. Raises BundleError."""
        ...
