"""All that a Thompson policy knows, as a value: what is usual, and each action's filters, one for each speed of drift."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.kinds import Acting
from telltale.contract.learners import Acts
from telltale.models.acting import moments_of, standardised

# So many acts, of whatever action, until what was known of one has faded to 1 / e. Counted in acts and not in seconds: what
# can be known of a world that changes is limited by how often it is asked.
FADING: Final = (400.0, 2_000.0, 10_000.0, 100_000.0)
# Of the variance of all losses: between actions, within one, and of how actions differ in what a context does to them.
_BETWEEN, _WITHIN, _SLOPES = 0.5, 0.5, 0.03
_LEAST_SHARE: Final = 1e-3  # of the median cost: what a cost of nothing counts as, since it has no logarithm
_FIRST_FAILURES: Final = (0.5, 24.5)
ACTIONS: Final = "actions"


class ThompsonState(msgspec.Struct, frozen=True, kw_only=True):
    """A actions, k columns of context (d = 2 k + 1 with the level and squares), m speeds of drift. Losses: LESS is better.

    Args:
        settings: floor, draws, spread of a draw; whether losses are logarithms (1); the loss of a failure, NaN without any;
            the least loss that has a logarithm.
        middle, scale: shape (k,), of the context.
        fading: shape (m,), in acts.
        log_weights: shape (m,), how well each speed has foretold.
        step: shape (1,), acts learned from.
        centre, spread: shape (d,), of the actions' coefficients: mean, variance.
        first_spread: shape (d,), the variance that is assumed before actions are known.
        noise: shape (1,), the usual variance of one action's loss.
        failed: shape (2,), how many failed and did not, of late, in all.
        actions: names.
        seen: shape (A,), the step at which each was last learned from.
        means: shape (A, m, d), coefficients as of `step_of`.
        covariances: shape (A, m, d, d).
        step_of: shape (A,), the step up to which the fading is done.
        noises: shape (A, 2), sum of squares of what was not foretold, and over how many.
        failures: shape (A, m, 2), failed and not, faded.
    """

    settings: Floats
    middle: Floats
    scale: Floats
    fading: Floats
    log_weights: Floats
    step: NDArray[np.int64]
    centre: Floats
    spread: Floats
    first_spread: Floats
    noise: Floats
    failed: Floats
    actions: tuple[str, ...]
    seen: NDArray[np.int64]
    means: Floats
    covariances: Floats
    step_of: NDArray[np.int64]
    noises: Floats
    failures: Floats

    def without_actions(self) -> "ThompsonState":
        """What is usual alone: every action is new."""
        m, d = len(self.fading), len(self.centre)
        return msgspec.structs.replace(self, step=np.zeros(1, dtype=np.int64), actions=(), **_no_actions(m, d))

    def parts(self) -> Parts:
        """To be stored."""
        arrays: dict[str, NDArray[Any]] = {
            name: getattr(self, name) for name in self.__struct_fields__ if name != ACTIONS
        }
        return Parts(arrays=arrays, names={ACTIONS: self.actions})


def fresh_state(acts: Acts, acting: Acting, *, floor: float, n_draws: int, spread: float) -> ThompsonState:
    """What a log says before anything is learned of any action. Contexts that are never known count as 0."""
    losses = -acts.rewards
    failure = acting.reward.failure * (1.0 if acting.reward.is_cost else -1.0) if acting.reward.success else np.nan
    came = losses[losses != failure]
    came = came if len(came) else np.ones(1)
    is_log = acting.reward.is_cost and bool((came >= 0.0).all()) and bool((came > 0.0).any())
    least = _LEAST_SHARE * float(np.median(came[came > 0.0])) if is_log else 0.0
    values = np.log(np.maximum(came, least)) if is_log else came
    variance = max(float(values.var()), 1e-12)
    middle, scale = moments_of(acts.contexts)
    d = 2 * acts.contexts.shape[1] + 1
    first = np.full(d, _SLOPES * variance)
    first[0] = _BETWEEN * variance
    centre = np.zeros(d)
    centre[0] = float(values.mean())
    return ThompsonState(
        settings=np.array([floor, n_draws, spread, float(is_log), failure, least]),
        middle=middle,
        scale=scale,
        fading=np.array(FADING),
        log_weights=np.zeros(len(FADING)),
        step=np.zeros(1, dtype=np.int64),
        centre=centre,
        spread=first.copy(),
        first_spread=first,
        noise=np.array([_WITHIN * variance]),
        failed=np.array(_FIRST_FAILURES if np.isfinite(failure) else (0.0, 1.0)),
        actions=(),
        **_no_actions(len(FADING), d),
    )


def state_of_parts(parts: Parts, *, where: str) -> ThompsonState:
    """From stored parts. Raises BundleError where some are missing or do not fit each other."""
    wanted = [name for name in ThompsonState.__struct_fields__ if name != ACTIONS]
    missing = sorted(set(wanted) - parts.arrays.keys()) + ([ACTIONS] if ACTIONS not in parts.names else [])
    if missing:
        raise BundleError(f"arrays or names lack {missing}", where=where, mend="Train the version again.")
    state = ThompsonState(actions=parts.names[ACTIONS], **{name: parts.arrays[name] for name in wanted})
    a, m, d = len(state.actions), len(state.fading), len(state.centre)
    k = (d - 1) // 2
    shapes = {
        "settings": (6,),
        "middle": (k,),
        "scale": (k,),
        "log_weights": (m,),
        "step": (1,),
        "spread": (d,),
        "first_spread": (d,),
        "noise": (1,),
        "failed": (2,),
        "seen": (a,),
        "means": (a, m, d),
        "covariances": (a, m, d, d),
        "step_of": (a,),
        "noises": (a, 2),
        "failures": (a, m, 2),
    }
    wrong = [name for name, shape in shapes.items() if getattr(state, name).shape != shape]
    if wrong:
        raise BundleError(f"{wrong} of the state are of another shape", where=where, mend="Train the version again.")
    return state


def _no_actions(m: int, d: int) -> dict[str, Any]:
    return {
        "seen": np.zeros(0, dtype=np.int64),
        "means": np.zeros((0, m, d)),
        "covariances": np.zeros((0, m, d, d)),
        "step_of": np.zeros(0, dtype=np.int64),
        "noises": np.zeros((0, 2)),
        "failures": np.zeros((0, m, 2)),
    }


def rows_of(state: ThompsonState, contexts: Floats) -> Floats:
    """A level, the standardised context and its squares, shape (n, d); what is not known counts as usual."""
    standard = standardised(contexts, state.middle, state.scale)
    known = ~np.isnan(standard)
    values = np.where(known, standard, 0.0)
    return np.hstack([np.ones((len(contexts), 1)), values, np.where(known, values * values - 1.0, 0.0)])


def numbers_of(actions: Sequence[str]) -> dict[str, int]:
    """The number of each action."""
    return {name: number for number, name in enumerate(actions)}
