"""How a Thompson policy learns: one act at a time through every filter of its action; now and then, what is usual."""

from typing import Final, final

import msgspec
import numpy as np

from telltale.contract.estimator import Floats
from telltale.contract.learners import Acts
from telltale.models.thompson.state import ThompsonState, numbers_of, rows_of

# After so many acts what is usual is worked out anew, and actions that are long gone are let go.
_EVERY: Final = 64
MOST_ACTIONS: Final = 512
_GONE: Final = 200_000  # acts since an action was last seen: by then it is as anybody's, at every speed of drift
# A speed of drift is judged by about the last so many acts.
_EVIDENCE: Final = 0.995
_LEAST_WEIGHT: Final = -7.0  # of the logarithm below the best: none is ever given up
_TAIL: Final = 5.0  # degrees of freedom with which an act speaks for or against a speed
_FURTHEST: Final = 30.0  # standard deviations from what is usual: no single loss outweighs all others for ever
_NOISE_ROWS, _NOISE_FADING = 8.0, 0.99
_SPREAD_ACTIONS: Final = 2.0  # actions' worth of what was assumed at first
FAILURE_ROWS: Final = 8.0  # rows' worth of the usual share of failures
_FAILED_FADING: Final = 0.999


def learn(state: ThompsonState, acts: Acts) -> ThompsonState:
    """The state after these acts too. `learn(a)` and then `learn(b)` is `learn` of both."""
    work = _Work(state)
    failure, is_log, least = state.settings[4], state.settings[3] > 0, state.settings[5]
    rows, losses = rows_of(state, acts.contexts), -acts.rewards
    for action, row, loss in zip(acts.actions, rows, losses.tolist(), strict=True):
        has_failed = loss == failure
        value = float(np.log(max(loss, least))) if is_log and not has_failed else loss
        work.add(action, row, value, has_failed=has_failed)
    return work.state()


def noise_of(usual: float, squares: float, count: float) -> float:
    """The variance of one loss of an action, drawn towards the usual one while it has few."""
    return (_NOISE_ROWS * usual + squares) / (_NOISE_ROWS + count)


@final
class _Work:
    """A state taken apart while acts are added; a list of arrays by action, so that new ones cost nothing."""

    def __init__(self, state: ThompsonState) -> None:
        self._from = state
        self._fading = state.fading
        self._can_fail = bool(np.isfinite(state.settings[4]))
        self._log_weights = state.log_weights.copy()
        self._step = int(state.step[0])
        self._centre, self._spread = state.centre.copy(), state.spread.copy()
        self._noise = float(state.noise[0])
        self._failed = state.failed.copy()
        self._names = list(state.actions)
        self._number = numbers_of(state.actions)
        self._seen = state.seen.tolist()
        self._means, self._covariances = list(state.means.copy()), list(state.covariances.copy())
        self._step_of = state.step_of.tolist()
        self._noises = state.noises.tolist()
        self._failures = list(state.failures.copy())

    def add(self, action: str, row: Floats, value: float, *, has_failed: bool) -> None:
        """One act, and what it led to."""
        self._step += 1
        number = self._number.get(action)
        if number is None:
            number = self._new(action)
        self._fade(number)
        self._seen[number] = self._step
        evidence = np.zeros(len(self._fading))
        if self._can_fail:
            evidence += self._add_failure(number, has_failed=has_failed)
        if not has_failed:
            evidence += self._add_value(number, row, value)
        self._log_weights *= _EVIDENCE
        self._log_weights += evidence
        self._log_weights -= self._log_weights.max()
        np.maximum(self._log_weights, _LEAST_WEIGHT, out=self._log_weights)
        if self._step % _EVERY == 0:
            self._work_out()

    def state(self) -> ThompsonState:
        """As a value again."""
        m, d, a = len(self._fading), len(self._centre), len(self._names)
        return msgspec.structs.replace(
            self._from,
            log_weights=self._log_weights.copy(),
            step=np.array([self._step], dtype=np.int64),
            centre=self._centre.copy(),
            spread=self._spread.copy(),
            noise=np.array([self._noise]),
            failed=self._failed.copy(),
            actions=tuple(self._names),
            seen=np.array(self._seen, dtype=np.int64),
            means=np.array(self._means).reshape(a, m, d),
            covariances=np.array(self._covariances).reshape(a, m, d, d),
            step_of=np.array(self._step_of, dtype=np.int64),
            noises=np.array(self._noises, dtype=np.float64).reshape(a, 2),
            failures=np.array(self._failures).reshape(a, m, 2),
        )

    def _new(self, action: str) -> int:
        m = len(self._fading)
        self._number[action] = len(self._names)
        self._names.append(action)
        self._seen.append(self._step)
        self._step_of.append(self._step)
        self._means.append(np.tile(self._centre, (m, 1)))
        self._covariances.append(np.tile(np.diag(self._spread), (m, 1, 1)))
        self._noises.append([0.0, 0.0])
        self._failures.append(np.zeros((m, 2)))
        return self._number[action]

    def _fade(self, number: int) -> None:
        """Back towards the population, by how many acts there were since."""
        since = self._step - self._step_of[number]
        if not since:
            return
        kept = np.exp(-since / self._fading)
        self._means[number] = self._centre + kept[:, None] * (self._means[number] - self._centre)
        square = (kept * kept)[:, None, None]
        self._covariances[number] = square * self._covariances[number] + (1.0 - square) * np.diag(self._spread)
        self._failures[number] = kept[:, None] * self._failures[number]
        self._step_of[number] = self._step

    def _add_value(self, number: int, row: Floats, value: float) -> Floats:
        """A step of every filter; how well each foretold the value, in logarithms."""
        furthest = _FURTHEST * float(np.sqrt(self._spread[0] + self._noise))
        value = min(max(value, float(self._centre[0]) - furthest), float(self._centre[0]) + furthest)
        squares, count = self._noises[number]
        noise = noise_of(self._noise, squares, count)
        means, covariances = self._means[number], self._covariances[number]
        gains = covariances @ row
        variances = gains @ row + noise
        errors = value - means @ row
        self._means[number] = means + gains * (errors / variances)[:, None]
        self._covariances[number] = covariances - gains[:, :, None] * (gains / variances[:, None])[:, None, :]
        surprises = errors * errors / variances
        weights = np.exp(self._log_weights)
        surprise = float(weights @ surprises / weights.sum())
        self._noises[number] = [_NOISE_FADING * squares + noise * surprise, _NOISE_FADING * count + 1.0]
        foretold: Floats = -0.5 * np.log(variances) - 0.5 * (_TAIL + 1.0) * np.log1p(surprises / _TAIL)
        return foretold

    def _add_failure(self, number: int, *, has_failed: bool) -> Floats:
        """Count it; how well each speed foretold it, in logarithms."""
        usual = self._failed / self._failed.sum() * FAILURE_ROWS
        counts = usual + self._failures[number]
        place = 0 if has_failed else 1
        chance: Floats = counts[:, place] / counts.sum(axis=1)
        self._failures[number][:, place] += 1.0
        self._failed *= _FAILED_FADING
        self._failed[place] += 1.0
        found: Floats = np.log(chance)
        return found

    def _work_out(self) -> None:
        """What is usual: mean and variance of the actions' coefficients (a step of expectation maximisation), and noise."""
        self._let_go()
        for number in range(len(self._names)):
            self._fade(number)
        weights = np.exp(self._log_weights)
        weights /= weights.sum()
        means = np.einsum("m,amd->ad", weights, np.array(self._means))
        variances = np.einsum("m,amdd->ad", weights, np.array(self._covariances))
        n = len(self._names)
        self._centre = means.mean(axis=0)
        total = (np.square(means - self._centre) + variances).sum(axis=0)
        self._spread = (total + _SPREAD_ACTIONS * self._from.first_spread) / (n + _SPREAD_ACTIONS)
        squares, count = np.array(self._noises).sum(axis=0)
        self._noise = noise_of(self._noise, squares, count)

    def _let_go(self) -> None:
        """Actions unseen for long, and the longest unseen where there are too many."""
        order = np.argsort(-np.array(self._seen), kind="stable")[:MOST_ACTIONS].tolist()
        kept = sorted(number for number in order if self._step - self._seen[number] <= _GONE)
        if len(kept) == len(self._names):
            return
        for name in ("_names", "_seen", "_means", "_covariances", "_step_of", "_noises", "_failures"):
            whole = getattr(self, name)
            setattr(self, name, [whole[number] for number in kept])
        self._number = numbers_of(self._names)
