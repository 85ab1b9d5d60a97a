"""BG/NBD and Gamma-Gamma: what a customer is expected to spend, from how often, how lately and how much before.

Written out from the papers and fitted by maximum likelihood, as analysts do it where they have orders alone.

References:
    Fader, Hardie & Lee, "'Counting your customers' the easy way: an alternative to the Pareto/NBD model", Marketing Science
    24 (2005). Fader & Hardie, "The Gamma-Gamma model of monetary value" (2013).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

Floats = NDArray[np.float64]

# Parameters are kept so near 1 that a likelihood without a maximum does not run away (penalty times their square sum).
_PENALTY = 1e-4
_STARTS = (0.1, 1.0)


@dataclass(frozen=True, kw_only=True)
class Histories:
    """Customers' past at one moment; each shape (n,).

    Args:
        repeats: days with an order after the first one.
        last: weeks from the first order to the last.
        age: weeks from the first order to the moment.
        mean_spend: a day's mean over the repeats, in money; 0 where there is none.
    """

    repeats: Floats
    last: Floats
    age: Floats
    mean_spend: Floats

    def only(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Histories":
        """The same of some customers."""
        return Histories(
            repeats=self.repeats[rows], last=self.last[rows], age=self.age[rows], mean_spend=self.mean_spend[rows]
        )


@dataclass(frozen=True, kw_only=True)
class BgNbd:
    """How often: rates are Gamma(r, alpha), the chance to drop out after an order is Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float

    def expected_orders(self, of: Histories, weeks: float) -> Floats:
        """Orders of each customer over so many weeks to come (equation 10 of the paper)."""
        x, first = of.repeats, self.a + self.b + of.repeats - 1
        later = of.age + self.alpha
        gone = (later / (later + weeks)) ** (self.r + x) * hyp2f1(
            self.r + x, self.b + x, first, weeks / (later + weeks)
        )
        alive = 1 + np.where(
            x > 0, self.a / np.maximum(self.b + x - 1, 1e-9) * (later / (self.alpha + of.last)) ** (self.r + x), 0.0
        )
        return np.asarray(first / (self.a - 1) * (1 - gone) / alive)


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """How much an order: Gamma(p, nu) around a mean that differs between customers, nu Gamma(q, v)."""

    p: float
    q: float
    v: float

    def expected_spend(self, of: Histories) -> Floats:
        """The mean of an order of each customer; of one without a repeat, the population's."""
        x = of.repeats
        return np.asarray(self.p * (self.v + x * of.mean_spend) / (self.p * x + self.q - 1))


def fit_bg_nbd(of: Histories) -> BgNbd:
    """Parameters of the highest likelihood."""

    def loss(log_parameters: Floats) -> float:
        r, alpha, a, b = np.exp(log_parameters)
        x = of.repeats
        bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stayed = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        still = -(r + x) * np.log(alpha + of.age)
        left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + of.last)
        return float(-(bought + stayed + np.where(x > 0, np.logaddexp(still, left), still)).mean())

    r, alpha, a, b = _minimum(loss, 4)
    # At a = 1 the expectation is a limit that the formula cannot say.
    return BgNbd(r=r, alpha=alpha, a=a if abs(a - 1) > 1e-6 else 1 + 1e-6, b=b)


def fit_gamma_gamma(of: Histories) -> GammaGamma:
    """Parameters of the highest likelihood, on customers with a repeat."""
    known = of.only((of.repeats > 0) & (of.mean_spend > 0))
    x, m = known.repeats, known.mean_spend

    def loss(log_parameters: Floats) -> float:
        p, q, v = np.exp(log_parameters)
        q += 1  # below 1 the mean is not finite
        whole = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        return float(-(whole + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(v + x * m)).mean())

    p, q, v = _minimum(loss, 3)
    return GammaGamma(p=p, q=q + 1, v=v)


def _minimum(loss: Callable[[Floats], float], n: int) -> list[float]:
    def penalised(at: Floats) -> float:
        value = loss(at)
        return value + _PENALTY * float((at**2).sum()) if np.isfinite(value) else 1e6

    found = [
        minimize(penalised, np.full(n, np.log(start)), method="L-BFGS-B", bounds=[(-12.0, 12.0)] * n)
        for start in _STARTS
    ]
    best = min(found, key=lambda one: float(one.fun))
    parameters: list[float] = np.exp(best.x).tolist()
    return parameters
