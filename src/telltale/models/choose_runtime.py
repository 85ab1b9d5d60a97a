"""A version that chooses, at work: plan and model of outcomes, loaded from the bundle alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.answer import CheckedRow, ChoiceAnswer, Input, RowValue
from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, OutcomeEstimator, OutcomeModel
from telltale.contract.kinds import Choices
from telltale.features.frame import arrange_features
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.models.required_parts import require_parts
from telltale.models.row_inputs import RowInputs, Tail

# Outcomes are learned in logarithms: a cost is judged by ratios. Nothing measured here is smaller than this.
OUTCOME_FLOOR = 1e-9
_LARGEST_LOG = 60.0
# Some training rows, in Parts.arrays: as the plan's columns, shape (n, columns); what each choice led to as measured, and as
# predicted by models that had not seen the row's group, both of the shape (n, outcomes, choices) with NaN where there is
# none; and the number of the group that the row belongs to.
SAMPLE_ROWS: Final = "sample_rows"
SAMPLE_MEASURED: Final = "sample_measured"
SAMPLE_FORETOLD: Final = "sample_foretold"
SAMPLE_GROUPS: Final = "sample_groups"


@dataclass(frozen=True, kw_only=True)
class PricedRows:
    """Training rows, and what each choice costs them at some prices.

    Args:
        rows: as the plan's columns, shape (n, columns).
        measured: shape (n, choices).
        foretold: the same as predicted by models that had not seen the row's group.
        groups: shape (n,).
    """

    rows: Floats
    measured: Floats
    foretold: Floats
    groups: NDArray[np.int64]


@final
class ChooseRuntime:
    """Takes the choice that is predicted to cost least. Safe to use from several threads: it remembers nothing.

    A choice costs the sum of its outcomes, each times its weight, which the plan works out of the row: so one version
    answers for every price of an outcome (a bandwidth, a number of reads) that a row may bring.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it does not say what there is to choose from, has no sample of rows, or the plan does not make a weight.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        self._inputs = RowInputs(bundle.manifest)
        self.plan = self._inputs.plan
        if bundle.manifest.choices is None:
            raise BundleError("manifest.json has no choices", where=self._where, mend="Train the version again.")
        self.choices: Choices = bundle.manifest.choices
        self._weights = tuple(outcome.weight for outcome in self.choices.outcomes)
        made = {*self.plan.columns, *(step.out for step in self.plan.steps)} - self.plan.nullable
        lost = sorted({*self._weights} - made)
        if lost:
            raise BundleError(
                f"the plan in manifest.json does not make the weights {lost}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            )
        require_parts(bundle, names=(), arrays=(SAMPLE_ROWS,))
        estimator: OutcomeEstimator = bundled_estimator(bundle.manifest)
        self._model: OutcomeModel = estimator.load(bundle.parts)
        known = known_outcomes(self.choices)
        self._is_learned = np.isnan(known)
        self._known = np.where(self._is_learned, 0.0, known)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns each input row carries, in order."""
        return self._inputs.columns

    @property
    def history(self) -> int:
        """How many rows before the last one change an answer."""
        return self._inputs.history

    def history_of(self, entity: str) -> int:
        """How many of one entity do."""
        return self._inputs.history_of(entity)

    @property
    def whole_history(self) -> int:
        """How many a whole window has."""
        return self._inputs.whole_history

    def answer(self, inputs: Sequence[Input], *, explain: bool = False) -> list[ChoiceAnswer]:
        """One answer per input, in order. There are no reasons: the costs say why. Raises SchemaError."""
        del explain
        return self._answers(*self._inputs.windows(inputs))

    def answer_row(
        self, values: Sequence[RowValue], time_s: float, entity: str | None = None, *, explain: bool = False
    ) -> ChoiceAnswer:
        """The answer for one row without history: the quick way. `values` are taken as checked."""
        del explain
        return self._answers([self._inputs.tail((values,), (time_s,), entity or "")], [1])[0]

    def answer_rows(self, rows: Sequence[CheckedRow]) -> list[ChoiceAnswer]:
        """The same for several rows that have nothing to do with each other, by one call of the model."""
        return self._answers(self._inputs.row_tails(rows), [1] * len(rows))

    def best_single(self, given: Mapping[str, float | None]) -> str:
        """The choice of the least mean regret on rows as those of training: for rows that are not looked at.

        Args:
            given: values that take the place of the training rows' own, by column: the prices of outcomes.
        """
        costs = self.sample(given).measured
        regret = (costs / costs.min(axis=1, keepdims=True)).mean(axis=0)
        return self.choices.names[int(regret.argmin())]

    def sample(self, given: Mapping[str, float | None]) -> PricedRows:
        """Training rows of which everything is known, at given prices: what a policy may be made and judged by.

        In a bundle from before measured outcomes were kept, predicted ones take their place.

        Args:
            given: values that take the place of the training rows' own, by column: the prices of outcomes.
        """
        arrays = self.bundle.parts.arrays
        rows = arrays[SAMPLE_ROWS]
        priced = self._repriced(rows, given)
        if SAMPLE_MEASURED not in arrays:
            costs = np.array([list(answer.costs.values()) for answer in self.answer_rows(priced)])
            return PricedRows(rows=rows, measured=costs, foretold=costs, groups=np.arange(len(rows)))
        weights = self._weights_of(self._inputs.row_tails(priced))[:, :, None]
        measured, foretold = ((weights * arrays[name]).sum(axis=1) for name in (SAMPLE_MEASURED, SAMPLE_FORETOLD))
        known = np.isfinite(measured).all(axis=1) & np.isfinite(foretold).all(axis=1)
        return PricedRows(
            rows=rows[known],
            measured=measured[known],
            foretold=foretold[known],
            groups=arrays[SAMPLE_GROUPS][known].astype(np.int64),
        )

    def _repriced(self, rows: Floats, given: Mapping[str, float | None]) -> list[CheckedRow]:
        made: list[CheckedRow] = []
        for row in rows.tolist():
            own = {name: None if math.isnan(value) else value for name, value in zip(self.columns, row, strict=True)}
            own |= given
            made.append(([own[name] for name in self.columns], 0.0, None, False))
        return made

    def answer_frame(self, frame: pl.DataFrame, *, alone: bool = False) -> pl.DataFrame:
        """The choice, its cost, and the cost of each, for every row of a checked frame."""
        costs = self.costs_of(frame, alone=alone)
        names = self.choices.names
        cheapest = costs.argmin(axis=1) if len(costs) else np.empty(0, dtype=np.int64)
        columns = [
            pl.Series("choice", [names[place] for place in cheapest.tolist()], dtype=pl.String),
            pl.Series("cost", costs[np.arange(len(costs)), cheapest], dtype=pl.Float64),
        ]
        columns += [pl.Series(f"cost_{name}", costs[:, at], dtype=pl.Float64) for at, name in enumerate(names)]
        return pl.DataFrame(columns)

    def costs_of(self, frame: pl.DataFrame, *, alone: bool = False) -> Floats:
        """What each choice is predicted to cost, shape (n rows, c choices). Raises SchemaError."""
        done = self._inputs.run(frame, alone=alone)
        features = arrange_features(self.plan, done, alone=alone)
        predicted = self._model.predict(features) if len(features) else np.empty((0, int(self._is_learned.sum())))
        return self._priced(self._weights_in(done), predicted)

    def weights_of(self, frame: pl.DataFrame) -> Floats:
        """What each outcome counts in every row of a checked frame, shape (n rows, outcomes). Raises SchemaError."""
        return self._weights_in(self._inputs.run(frame))

    def self_test(self) -> None:
        """Answer a row at the middle of what was trained on, on both paths. Raises BundleError if they go astray."""
        values, frame = self._inputs.middle()
        try:
            answered = list(self.answer([Input(rows=[values], times=[0.0])])[0].costs.values())
            framed = self.costs_of(frame)[0].tolist()
        except Exception as error:  # model and plan that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        near = all(abs(own - other) <= 1e-5 * max(1.0, abs(other)) for own, other in zip(answered, framed, strict=True))
        if not near or not all(map(math.isfinite, answered)):
            raise BundleError(
                f"the self-test failed: a row's choices cost {answered}, in a frame {framed}",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _weights_in(self, done: pl.DataFrame) -> Floats:
        return done.select(self._weights).to_numpy().astype(np.float64)

    def _weights_of(self, tails: Sequence[Tail]) -> Floats:
        return np.array([[self._inputs.value(tail, name) for name in self._weights] for tail in tails])

    def _priced(self, weights: Floats, predicted: Floats) -> Floats:
        """Costs, shape (n, c), of weights (n, o) and of the logarithms (n, learned) of the outcomes to be learned."""
        outcomes = np.repeat(self._known[None], len(weights), axis=0)
        outcomes[:, self._is_learned] = np.exp(np.clip(predicted, -_LARGEST_LOG, _LARGEST_LOG))
        return np.asarray((weights[:, :, None] * outcomes).sum(axis=1))

    def _answers(self, tails: Sequence[Tail], n_rows: Sequence[int]) -> list[ChoiceAnswer]:
        if not tails:
            return []
        weights = self._weights_of(tails)
        costs = self._priced(weights, self._model.predict(self._inputs.features(tails)))
        names, unit = self.choices.names, self.choices.unit
        return [
            ChoiceAnswer(
                choice=names[place],
                costs=dict(zip(names, own, strict=True)),
                unit=unit,
                context=self._inputs.context(n),
            )
            for place, own, n in zip(costs.argmin(axis=1).tolist(), costs.tolist(), n_rows, strict=True)
        ]


def known_outcomes(choices: Choices) -> Floats:
    """Outcomes that nobody needs to measure, NaN for the others; shape (outcomes, choices)."""
    return np.array([[outcome.known.get(name, np.nan) for name in choices.names] for outcome in choices.outcomes])
