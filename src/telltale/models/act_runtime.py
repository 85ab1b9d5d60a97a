"""A version that acts, at work: it draws what to do with the policy's probabilities, and learns from what came of it."""

from collections.abc import Mapping, Sequence
from typing import Final, Self, final

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.answer import ActAnswer
from telltale.contract.errors import BundleError, UsageError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.learners import Policy, PolicyEstimator
from telltale.contract.query import ActQuery, Query
from telltale.models.acting import Action, actions_by_name, acts_of, context_of
from telltale.models.bundle import Bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.manifest import Manifest
from telltale.telemetry.frames import ENTITY

# Beside the policy's own state: how many rewards were learned from since the version was trained.
N_LEARNED: Final = "n_learned"
MOST_AVAILABLE: Final = 1_000
_MADE_UP: Final = ("one", "another")
_EVEN: Final = 1e-6  # of the sum of probabilities


@final
class ActRuntime:
    """Draws actions. What is drawn is random; the probabilities it is drawn with are the same whenever asked.

    Args:
        bundle: a loaded bundle.

    Raises:
        BundleError: it does not say what is done, or its policy cannot be loaded.
    """

    query: type[Query] = ActQuery

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._where = f"{bundle.manifest.app}/{bundle.manifest.task}"
        if bundle.manifest.acting is None:
            raise BundleError("manifest.json does not say what is done", where=self._where, mend="Train again.")
        self._acting = bundle.manifest.acting
        self._actions = actions_by_name(self._acting)
        self._options = tuple(self._actions)
        self._estimator: PolicyEstimator = bundled_estimator(bundle.manifest)
        self.policy: Policy = self._estimator.load(bundle.parts)
        self.n_learned = 0
        self._rng = np.random.default_rng()

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured columns of the rows it was trained on, in order."""
        return self.manifest.row_columns

    def ask(self, queries: Sequence[Query]) -> list[ActAnswer]:
        """What to do, drawn for each query by itself.

        Raises:
            UsageError: nothing is available, or something twice or outside the options.
            SchemaError: a context has a name that the version does not know.
        """
        return [self._answer(query) for query in queries]

    def probabilities(self, query: ActQuery) -> dict[str, float]:
        """With which probability each available action would be drawn. Raises UsageError, SchemaError."""
        available = self._available(query)
        context = context_of(query.context, self._acting.context)
        return dict(zip(available, self.policy.probabilities(available, context).tolist(), strict=True))

    def answer_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """For each row that says what was done and what came of it: what was likeliest, how likely, what was expected.

        `probability` is that with which the row's own action would be drawn; 0 where the row says that it could not be done.
        """
        acts = acts_of(frame, self._acting, self.manifest.event)
        lines: list[tuple[str, str, float, float, str, float]] = []
        for entity, action, available, context in zip(
            acts.entities, acts.actions, acts.available, acts.contexts, strict=True
        ):
            chances = self.policy.probabilities(available, context)
            best = int(np.argmax(chances))
            own = float(chances[available.index(action)]) if action in available else 0.0
            expected = float(self.policy.expected((available[best],), context)[0])
            lines.append((entity, available[best], float(chances[best]), expected, action, own))
        schema = {
            ENTITY: pl.String,
            "best": pl.String,
            "best_probability": pl.Float64,
            "expected": pl.Float64,
            "action": pl.String,
            "probability": pl.Float64,
        }
        return pl.DataFrame(lines, schema=schema, orient="row")

    def learn(self, frame: pl.DataFrame) -> Self:
        """One that has learned from these rows too; see `acts_of` for which rows teach nothing. Raises SchemaError."""
        acts = acts_of(frame, self._acting, self.manifest.event)
        if not acts.actions:
            return self
        return self._with(self.policy.learned(acts), self.n_learned + len(acts.actions))

    def learned(self) -> Parts:
        """The whole policy as it stands, and how many rewards made it so since the version was trained."""
        parts = self.policy.state()
        return replace(parts, arrays={**parts.arrays, N_LEARNED: np.array([self.n_learned], dtype=np.int64)})

    def with_learned(self, parts: Parts) -> Self:
        """The version with what was learned. Raises BundleError where the parts are no state of its policy."""
        if parts.arrays.get(N_LEARNED, np.empty(0)).shape != (1,):
            raise BundleError(f"what was learned lacks {N_LEARNED}", where=self._where, mend="Take it back.")
        arrays = {name: array for name, array in parts.arrays.items() if name != N_LEARNED}
        return self._with(self._estimator.load(replace(parts, arrays=arrays)), int(parts.arrays[N_LEARNED][0]))

    def self_test(self) -> None:
        """Ask without a context, of the options or of two actions nobody knows. Raises BundleError if that goes astray."""
        available = self._options or _MADE_UP
        context = context_of({}, self._acting.context)
        try:
            chances = self.policy.probabilities(available, context)
            expected = self.policy.expected(available, context)
            again = self._estimator.load(self.policy.state()).probabilities(available, context)
        except Exception as error:  # state and context that do not fit each other fail in as many ways as there are
            raise BundleError(
                f"the self-test failed: {error}",
                where=self._where,
                mend="Restore the bundle, or train the version again.",
            ) from error
        if not (_is_even(chances, len(available)) and np.isfinite(expected).all() and np.allclose(chances, again)):
            raise BundleError(
                "the self-test failed: probabilities that are none, rewards that are not finite, or a state that is not whole",
                where=self._where,
                mend="Train the version again, and report how it came about.",
            )

    def _with(self, policy: Policy, n_learned: int) -> Self:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.policy, other.n_learned = policy, n_learned
        return other

    def _answer(self, query: Query) -> ActAnswer:
        assert isinstance(query, ActQuery), "asked with another kind of query"
        available = self._available(query)
        context = context_of(query.context, self._acting.context)
        chances = self.policy.probabilities(available, context)
        # Of the running sums, so that rounding cannot draw beyond the last.
        sums = np.cumsum(chances)
        place = min(int(np.searchsorted(sums, self._rng.random() * sums[-1], side="right")), len(available) - 1)
        return ActAnswer(
            action=self._action(available[place]),
            propensity=float(chances[place]),
            expected=float(self.policy.expected((available[place],), context)[0]),
            n_learned=self.n_learned,
        )

    def _action(self, name: str) -> Action:
        return self._actions[name] if self._options else {self._acting.action[0]: name}

    def _available(self, query: ActQuery) -> tuple[str, ...]:
        """What may be drawn from. Raises UsageError."""
        given = query.available
        if not given and self._options:
            return self._options
        field = self._acting.available or "available"
        if not given or len(given) > MOST_AVAILABLE or len(set(given)) < len(given) or not all(given):
            raise UsageError(
                f"{len(given)} actions, {len(set(given))} of them different",
                where=field,
                mend=f"Name what can be done: from 1 to {MOST_AVAILABLE} actions, each once.",
            )
        outside = set(given) - set(self._options) if self._options else set()
        if outside:
            raise UsageError.not_one_of(min(outside), self._options, where=field)
        return given


def drawable(probabilities: Mapping[str, float]) -> bool:
    """Whether every action may be drawn, and they are probabilities: without it no log says what others would lead to.

    >>> drawable({"a": 0.75, "b": 0.25}), drawable({"a": 1.0, "b": 0.0})
    (True, False)
    """
    return _is_even(np.array(list(probabilities.values())), len(probabilities))


def _is_even(chances: Floats, n: int) -> bool:
    return chances.shape == (n,) and bool((chances > 0).all()) and abs(float(chances.sum()) - 1.0) < _EVEN
