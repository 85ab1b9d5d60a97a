"""LinUCB with a discount: the action whose reward could be highest, by a ridge regression of each that forgets."""

from collections.abc import Mapping, Sequence
from typing import Final, Self, final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Choice, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Acting, Kind
from telltale.contract.learners import Acts
from telltale.models.acting import moments_of, standardised

MOST_ACTIONS: Final = 512
_GONE: Final = 20_000  # acts since an action was last seen
_FURTHEST: Final = 30.0  # standard deviations of a reward: no single one outweighs all others for ever
_ARRAYS: Final = ("settings", "middle", "scale", "step", "seen", "grams", "sums")


@final
class LinUcb:
    """One action is best at a time; `floor` of the requests are spread evenly, so that a log of it can be used.

    Not for: many that ask between two lessons; all of them go to the same. `linear_thompson` spreads them.

    Args (parameters):
        width: how far above its expectation a reward is hoped for, in standard deviations of the estimate.
        discount: what a lesson counts after each further one; 1 never forgets.
        ridge: rows' worth of doubt that an action differs from what is usual.
        floor: the share of requests that are spread evenly.

    References:
        Li, Chu, Langford & Schapire, "A contextual-bandit approach to personalized news article recommendation", WWW 2010.
        Russac, Vernade & Cappé, "Weighted linear bandits for non-stationary environments", NeurIPS 2019.
    """

    name = "linucb"
    kind: Kind = "act"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"width": 0.1, "discount": 0.9995, "ridge": 1.0, "floor": 0.005}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        acts: Acts,
        *,
        acting: Acting,  # noqa: ARG002 - rewards are all that it needs
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Learn the log once; nothing is random."""
        del seed
        middle, scale = moments_of(np.column_stack([acts.rewards, acts.contexts]))
        d = len(middle)
        state = _State(
            settings=np.array([float(parameters[name]) for name in ("width", "discount", "ridge", "floor")]),
            middle=middle,
            scale=scale,
            step=np.zeros(1, dtype=np.int64),
            actions=(),
            seen=np.zeros(0, dtype=np.int64),
            grams=np.zeros((0, d, d)),
            sums=np.zeros((0, d)),
        )
        return UcbPolicy(state).learned(acts).state()

    def load(self, parts: Parts) -> "UcbPolicy":
        """A policy from its state. Raises BundleError."""
        missing = sorted(set(_ARRAYS) - parts.arrays.keys()) + ([] if "actions" in parts.names else ["actions"])
        if missing:
            raise BundleError(f"arrays or names lack {missing}", where=self.name, mend="Train the version again.")
        state = _State(actions=parts.names["actions"], **{name: parts.arrays[name] for name in _ARRAYS})
        a, d = len(state.actions), len(state.middle)
        shapes = {"settings": (4,), "scale": (d,), "step": (1,), "seen": (a,), "grams": (a, d, d), "sums": (a, d)}
        wrong = [name for name, shape in shapes.items() if getattr(state, name).shape != shape]
        if wrong:
            raise BundleError(f"{wrong} are of another shape", where=self.name, mend="Train the version again.")
        return UcbPolicy(state)


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """A actions, d columns: a level and the context. `middle` and `scale`, shape (d,), are of the reward and the context.

    `grams` (A, d, d) and `sums` (A, d) are discounted to the step in `seen`, when each was last learned from.
    """

    settings: Floats
    middle: Floats
    scale: Floats
    step: NDArray[np.int64]
    actions: tuple[str, ...]
    seen: NDArray[np.int64]
    grams: Floats
    sums: Floats


@final
class UcbPolicy:
    """What is known of each action; one that nobody has seen could be anything, and is tried."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._width, self._discount, ridge, self._floor = state.settings.tolist()
        self._number = {name: number for number, name in enumerate(state.actions)}
        d = len(state.middle)
        kept = self._discount ** (state.step[0] - state.seen).astype(np.float64)
        grams = kept[:, None, None] * state.grams + ridge * np.eye(d)
        inverse = np.linalg.inv(np.concatenate([grams, ridge * np.eye(d)[None]]))
        self._inverse: Floats = inverse.astype(np.float64)
        sums = np.concatenate([kept[:, None] * state.sums, np.zeros((1, d))])
        self._coefficients: Floats = np.einsum("aij,aj->ai", self._inverse, sums)

    def probabilities(self, available: Sequence[str], context: Floats) -> Floats:
        """Nearly 1 for the highest bound; of equal ones each its part."""
        places, row = self._places(available), self._rows(context[None])[0]
        hoped = self._coefficients[places] @ row + self._width * np.sqrt((self._inverse[places] @ row) @ row)
        best = hoped >= hoped.max() - 1e-12
        found: Floats = (1.0 - self._floor) * best / best.sum() + self._floor / len(places)
        return found

    def expected(self, available: Sequence[str], context: Floats) -> Floats:
        """The reward that is expected of each."""
        standard = self._coefficients[self._places(available)] @ self._rows(context[None])[0]
        found: Floats = self._state.middle[0] + self._state.scale[0] * standard
        return found

    def learned(self, acts: Acts) -> Self:
        """One that has learned from these too: every lesson before counts a little less for each."""
        state = self._state
        step = int(state.step[0])
        seen = dict(zip(state.actions, state.seen.tolist(), strict=True))
        grams, sums = (
            dict(zip(state.actions, state.grams, strict=True)),
            dict(zip(state.actions, state.sums, strict=True)),
        )
        d = len(state.middle)
        rows = self._rows(acts.contexts)
        rewards = np.clip((acts.rewards - state.middle[0]) / state.scale[0], -_FURTHEST, _FURTHEST)
        for action, row, reward in zip(acts.actions, rows, rewards.tolist(), strict=True):
            step += 1
            kept = self._discount ** (step - seen.get(action, step))
            grams[action] = kept * grams.get(action, np.zeros((d, d))) + row[:, None] * row
            sums[action] = kept * sums.get(action, np.zeros(d)) + reward * row
            seen[action] = step
            if len(seen) > MOST_ACTIONS:
                del seen[min(seen, key=seen.__getitem__)]
        names = tuple(name for name in seen if step - seen[name] <= _GONE)
        learned = msgspec.structs.replace(
            state,
            step=np.array([step], dtype=np.int64),
            actions=names,
            seen=np.array([seen[name] for name in names], dtype=np.int64),
            grams=np.array([grams[name] for name in names]).reshape(-1, d, d),
            sums=np.array([sums[name] for name in names]).reshape(-1, d),
        )
        return type(self)(learned)

    def state(self) -> Parts:
        """All of it."""
        return Parts(
            arrays={name: getattr(self._state, name) for name in _ARRAYS}, names={"actions": self._state.actions}
        )

    def _places(self, available: Sequence[str]) -> list[int]:
        return [self._number.get(name, -1) for name in available]

    def _rows(self, contexts: Floats) -> Floats:
        """A level of 1 and the standardised contexts, shape (n, d); what is not known counts as usual."""
        standard = standardised(contexts, self._state.middle[1:], self._state.scale[1:])
        return np.hstack([np.ones((len(contexts), 1)), np.nan_to_num(standard)])


ESTIMATOR: Final = LinUcb()
