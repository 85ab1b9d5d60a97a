"""Two versions that decided the same labelled rows: which one costs less, at any look."""

import math
from typing import Final

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
Flags = NDArray[np.bool_]

# Shares of the most that can be staked without ruin; the wealth is the mean over them.
_STAKES: Final = np.geomspace(0.004, 0.996, 32)


class PairedComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of A and B on the same labelled rows; only rows on which they differ are more than a count.

    For each difference in cost that could be the true one a gambler bets against it, row by row, with stakes fixed
    beforehand: where it is the true one, the wealth is a martingale and exceeds 1 / level with probability `level` at
    most, ever. All differences against which one has not grown rich are the interval. Exact at any number of rows, and the
    rows' order does not matter.

    When NOT to use it: rows that are right or wrong together (the rows of one incident): hand over one row of each.

    Args:
        cost_miss, cost_false_alarm: of a positive row taken for negative, and the other way round; > 0.
        n: rows decided by both, with a label.
        a_caught, b_caught: positive rows that only A, only B, took for positive.
        a_spared, b_spared: negative rows that only A, only B, took for negative.

    References:
        Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024); Robbins,
        "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41 (1970).

    >>> PairedComparison(n=400, a_caught=40, b_caught=8).answer().conclusion
    'A'
    """

    cost_miss: float = 1.0
    cost_false_alarm: float = 1.0
    n: int = 0
    a_caught: int = 0
    b_caught: int = 0
    a_spared: int = 0
    b_spared: int = 0

    def update(self, labels: Flags, decisions_a: Flags, decisions_b: Flags) -> "PairedComparison":
        """With more rows.

        Args:
            labels: what was true, shape (n,).
            decisions_a: of A, shape (n,).
            decisions_b: of B, shape (n,).

        Raises:
            UsageError: shapes differ.
        """
        if not labels.shape == decisions_a.shape == decisions_b.shape:
            raise UsageError(
                f"{labels.shape} labels, {decisions_a.shape} and {decisions_b.shape} decisions",
                where="comparison",
                mend="Give one of each per row.",
            )
        only_a, only_b = decisions_a & ~decisions_b, decisions_b & ~decisions_a
        return msgspec.structs.replace(
            self,
            n=self.n + len(labels),
            a_caught=self.a_caught + int((only_a & labels).sum()),
            b_caught=self.b_caught + int((only_b & labels).sum()),
            a_spared=self.a_spared + int((only_b & ~labels).sum()),
            b_spared=self.b_spared + int((only_a & ~labels).sum()),
        )

    def answer(self, *, level: float = 0.05, margin: float | None = None) -> SequentialAnswer:
        """What can be said now; may be asked at any time, however often.

        Args:
            level: of false conclusions over all looks, in (0, 1).
            margin: a difference in cost per row that would not matter (with costs of 1: in the share of right
                decisions); None where any would.
        """
        check_plan(level=level, margin=margin)
        if self.n < LEAST_ENTITIES:
            what = f"{self.n} rows are decided by both and labelled; from {LEAST_ENTITIES} on there is an answer"
            return refused(self.n, level=level, margin=margin, what=what)
        most = max(self.cost_miss, self.cost_false_alarm)
        values, counts = self._outcomes(most)
        low, high = _lowest(values, counts, level), -_lowest(-values, counts, level)
        return conclude(
            float(values @ counts) / self.n * most,
            low * most,
            high * most,
            level=level,
            margin=margin,
            n=self.n,
            n_more=lambda: self._n_more(level=level, margin=None if margin is None else margin / most),
            unit="labelled rows",
        )

    def _outcomes(self, most: float) -> tuple[Floats, Floats]:
        """What A saved on a row, as a share of the largest cost, and how often."""
        miss, alarm = self.cost_miss / most, self.cost_false_alarm / most
        differ = (self.a_caught, self.b_caught, self.a_spared, self.b_spared)
        return np.array([miss, -miss, alarm, -alarm, 0.0]), np.array([*differ, self.n - sum(differ)], dtype=np.float64)

    def _n_more(self, *, level: float, margin: float | None) -> int | None:
        values, counts = self._outcomes(max(self.cost_miss, self.cost_false_alarm))
        # Of more rows like these every stake's wealth grows in proportion.
        sides = [_log_wealth(values, counts, 0.0), _log_wealth(-values, counts, 0.0)]
        inside = []
        if margin is not None and margin < 1:
            inside = [_log_wealth(values, counts, -margin), _log_wealth(-values, counts, -margin)]
        needed = math.log(2.0 / level)

        def decides(in_all: float) -> bool:
            times = in_all / self.n
            if any(_mixed(side * times) >= needed for side in sides):
                return True
            return bool(inside) and all(_mixed(side * times) >= needed for side in inside)

        in_all = smallest_n(decides, self.n)
        return None if in_all is None else in_all - self.n


def _log_wealth(values: Floats, counts: Floats, mean: float) -> Floats:
    """What betting on more than `mean` has brought, per stake.

    Stakes are shares of 1 / (1 + mean), which no value of -1 or more can ruin.
    """
    grown: Floats = np.log(1.0 + _STAKES[:, None] * ((1.0 + values) / (1.0 + mean) - 1.0)) @ counts
    return grown


def _mixed(log_wealth: Floats) -> float:
    """Logarithm of the mean wealth over the stakes."""
    top = float(log_wealth.max())
    return top + math.log(float(np.exp(log_wealth - top).mean()))


def _lowest(values: Floats, counts: Floats, level: float) -> float:
    """The largest mean that is excluded as too low, at half of the level: wealth falls as the mean asked about rises."""
    values, counts = values[counts > 0], counts[counts > 0]
    needed = math.log(2.0 / level)

    def excess(mean: float) -> float:
        return _mixed(_log_wealth(values, counts, mean)) - needed

    low, high = -1.0 + 1e-9, float(values @ counts) / float(counts.sum())
    if high <= low or excess(low) < 0:
        return -1.0
    # At the mean itself nobody has grown rich, so the end lies between; halving, but on the scale of the distance.
    near = max(1e-6, (high - low) * 1e-5)
    while high - near > low and excess(high - near) < 0:
        near *= 4.0
    low, high = max(low, high - near), high - near / 4.0
    for _ in range(12):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) >= 0 else (low, middle)
    return low
