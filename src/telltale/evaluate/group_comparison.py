"""Two groups of entities, assigned at random: which outcome is better, at any look."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.evaluate.sequential import (
    LEAST_ENTITIES,
    SequentialAnswer,
    check_plan,
    conclude,
    refused,
    smallest_n,
)

Floats = NDArray[np.float64]


class GroupComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two groups of entities, assigned at random, one outcome per entity; more is better.

    What is random is the assignment, so nothing is assumed of the outcomes: where it makes no difference, the sum of
    (assigned - share) * (outcome - what was expected before) is a martingale whose increments are sub-Gaussian whatever
    the outcomes are, and a mixture over its possible drifts exceeds 1 / level with probability `level` at most, ever.
    The interval is that of an effect which is the same for all entities; for others it holds as the numbers grow.

    When NOT to use it: an entity in both groups; outcomes of one entity counted several times; an assignment that depends
    on what is known of the entity; an entity handed over before its outcome is final.

    Args:
        share: of entities assigned to A, in (0, 1).
        planned: entities at which the comparison is to be sharpest; any other number is as valid.
        n_a, n_b, sum_a, sum_b: entities and outcomes so far.
        n_seen, seen_total, seen_squares: of all outcomes: what the next is expected to be, and how far it may be off.
        score, drift, spread, cross, own: sums that the interval is made of, in units of the outcomes' deviation.
        is_swept: whether sums have begun: the first entities set centre and scale, and are not counted.

    References:
        Ham, Bojinov, Lindon & Tingley, "Design-based confidence sequences: a general approach to risk mitigation in
        online experimentation", 2022; Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic
        confidence sequences", Annals of Statistics 49 (2021), the normal mixture; Kearns & Saul, "Large deviation
        methods for approximate probabilistic inference", UAI 1998, for unequal shares.

    >>> empty = GroupComparison()
    >>> empty.answer().conclusion
    'refused'
    """

    share: float = 0.5
    planned: int = 2_000
    n_a: int = 0
    n_b: int = 0
    sum_a: float = 0.0
    sum_b: float = 0.0
    n_seen: int = 0
    seen_total: float = 0.0
    seen_squares: float = 0.0
    score: float = 0.0
    drift: float = 0.0
    spread: float = 0.0
    cross: float = 0.0
    own: float = 0.0

    def update(self, outcomes: Floats, assigned_to_a: NDArray[np.bool_]) -> "GroupComparison":
        """With more entities, in the order in which they came.

        Args:
            outcomes: shape (n,), finite.
            assigned_to_a: shape (n,).

        Raises:
            UsageError: shapes differ, or an outcome is not finite.
        """
        if outcomes.shape != assigned_to_a.shape or outcomes.ndim != 1:
            raise UsageError(
                f"{outcomes.shape} outcomes, {assigned_to_a.shape} assignments", mend="Give one of each per entity."
            )
        if not np.isfinite(outcomes).all():
            raise UsageError("an outcome is not finite", where="comparison", mend="Leave entities without outcome out.")
        made = self
        for start in range(0, len(outcomes), LEAST_ENTITIES):
            part = slice(start, start + LEAST_ENTITIES)
            made = made._block(outcomes[part], assigned_to_a[part])
        return made

    def _block(self, outcomes: Floats, assigned: NDArray[np.bool_]) -> "GroupComparison":
        """A few entities, judged by what was known before them: that is what makes it a martingale."""
        n = len(outcomes)
        mean = self.seen_total / self.n_seen if self.n_seen else 0.0
        deviation = math.sqrt(max(self.seen_squares / self.n_seen - mean**2, 0.0)) if self.n_seen else 0.0
        total, squares = float(outcomes.sum()), float((outcomes**2).sum())
        n_a = int(assigned.sum())
        sum_a = float(outcomes[assigned].sum())
        score = drift = spread = cross = own = 0.0
        # Until outcomes have been seen to differ there is no scale: those entities are counted, not judged.
        if self.n_seen >= LEAST_ENTITIES and deviation > 1e-12 * max(abs(mean), 1e-300):
            u = (outcomes - mean) / deviation
            v = (assigned - self.share) / deviation
            sign = np.where(assigned, 1.0 - self.share, -self.share)
            score, drift = float(sign @ u), float(sign @ v)
            spread, cross, own = float(u @ u), float(u @ v), float(v @ v)
        return msgspec.structs.replace(
            self,
            n_a=self.n_a + n_a,
            n_b=self.n_b + n - n_a,
            sum_a=self.sum_a + sum_a,
            sum_b=self.sum_b + total - sum_a,
            n_seen=self.n_seen + n,
            seen_total=self.seen_total + total,
            seen_squares=self.seen_squares + squares,
            score=self.score + score,
            drift=self.drift + drift,
            spread=self.spread + spread,
            cross=self.cross + cross,
            own=self.own + own,
        )

    def answer(self, *, level: float = 0.05, margin: float | None = None) -> SequentialAnswer:
        """What can be said now; may be asked at any time, however often.

        Args:
            level: of false conclusions over all looks, in (0, 1).
            margin: a difference of means, in the unit of the outcome, that would not matter; None where any would.
        """
        check_plan(level=level, margin=margin)
        n = self.n_a + self.n_b
        if n < LEAST_ENTITIES:
            what = f"{n} entities have an outcome; from {LEAST_ENTITIES} on there is an answer"
            return refused(n, level=level, margin=margin, what=what)
        if self.drift <= 0 or self.n_a == 0 or self.n_b == 0:
            what = "the first entities set the scale: nothing can be said yet"
            if self.n_seen and self.seen_squares / self.n_seen - (self.seen_total / self.n_seen) ** 2 <= 0:
                what = "all outcomes are the same so far: nothing tells A from B"
            return SequentialAnswer(conclusion="keep_going", level=level, margin=margin, n=n, reason=what)
        estimate = self.score / self.drift
        low, high = self._bound(estimate, -1.0, level), self._bound(estimate, 1.0, level)
        return conclude(
            estimate,
            low,
            high,
            level=level,
            margin=margin,
            n=n,
            n_more=lambda: self._n_more(n, level=level, margin=margin),
            unit="entities",
        )

    def _excess(self, effect: float, level: float, *, times: float = 1.0) -> float:
        """Below 0 while an effect of A of so much cannot be excluded, with `times` as many entities like these."""
        sub_gaussian = _sub_gaussian(self.share)
        score = (self.score - effect * self.drift) * times
        variance = sub_gaussian * (self.spread - 2.0 * effect * self.cross + effect**2 * self.own) * times
        rho = sub_gaussian * self.planned / _mixing(level)
        bound = 2.0 * math.log(1.0 / level) + math.log1p(max(variance, 0.0) / rho)
        return score**2 - (max(variance, 0.0) + rho) * bound

    def _bound(self, estimate: float, side: float, level: float) -> float | None:
        """Where the interval ends on one side; None where it does not."""
        step = math.sqrt(max(self.spread, 1e-300)) / self.drift
        inside, outside = estimate, estimate + side * step
        for _ in range(40):
            if self._excess(outside, level) >= 0:
                break
            inside, outside = outside, estimate + 2.0 * (outside - estimate)
        else:
            return None
        for _ in range(40):
            middle = (inside + outside) / 2.0
            if self._excess(middle, level) >= 0:
                outside = middle
            else:
                inside = middle
        return outside

    def _n_more(self, n: int, *, level: float, margin: float | None) -> int | None:
        def decides(in_all: float) -> bool:
            times = in_all / n
            if self._excess(0.0, level, times=times) >= 0:
                return True
            return margin is not None and all(
                self._excess(effect, level, times=times) >= 0 and (self.score - effect * self.drift) * effect < 0
                for effect in (-margin, margin)
            )

        in_all = smallest_n(decides, n)
        return None if in_all is None else in_all - n


def _sub_gaussian(share: float) -> float:
    """Variance of the normal variable that bounds an assignment with probability `share` (Kearns & Saul)."""
    if abs(share - 0.5) < 1e-6:
        return 0.25
    return (1.0 - 2.0 * share) / (2.0 * math.log((1.0 - share) / share))


def _mixing(level: float) -> float:
    """How far the mixture's own variance is below that of the sum at the planned number: there it is sharpest."""
    bound = 2.0 * math.log(1.0 / level)
    return bound + math.log1p(bound)
