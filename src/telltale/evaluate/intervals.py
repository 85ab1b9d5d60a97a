"""95 % intervals that stay inside [0, 1] and do not collapse to a point when every row agrees."""

from collections.abc import Callable
from math import sqrt

from telltale.contract.verdict import Measured

Z_95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


def wilson(k: float, n: int) -> tuple[float, float]:
    """Wilson's score interval (95 %) of `k` hits among `n` independent trials.

    Rows of one incident are not independent: on such rows the interval is too narrow.

    Args:
        k: hits, 0 <= k <= n.
        n: trials; 0 tells nothing, and the interval is all of [0, 1].

    Raises:
        ValueError: `k` is outside [0, n].

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    >>> [round(bound, 2) for bound in wilson(38, 44)]
    [0.73, 0.94]
    """
    if not 0 <= k <= n:
        msg = f"hits must be in [0, {n}], got {k}"
        raise ValueError(msg)
    if n == 0:
        return 0.0, 1.0
    rate = k / n
    shrink = 1.0 + Z_95**2 / n
    middle = (rate + Z_95**2 / (2 * n)) / shrink
    half = Z_95 / shrink * sqrt(rate * (1.0 - rate) / n + Z_95**2 / (4 * n * n))
    # At 0 and n the bound is exact in theory; rounding must not put the rate outside its own interval.
    return min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half))


def rate(k: int, n: int) -> Measured:
    """`k / n` with its Wilson interval; NaN with a count of 0 where `n` is 0."""
    if n == 0:
        return undefined()
    low, high = wilson(k, n)
    return Measured(value=k / n, low=low, high=high, n=n)


def undefined() -> Measured:
    """A figure that the rows at hand do not define."""
    nan = float("nan")
    return Measured(value=nan, low=nan, high=nan, n=0)


def auroc_interval(value: float, n_positive: int, n_negative: int) -> tuple[float, float]:
    """Newcombe's score interval (95 %) of an area under the ROC curve.

    The Hanley-McNeil variance, taken at the bound and not at the estimate, so that an area of exactly 1 on few rows
    keeps a wide interval where a Wald or bootstrap interval would be a point.

    Args:
        value: the area, in [0, 1].
        n_positive: positive rows, at least 1.
        n_negative: negative rows, at least 1.

    References:
        Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2",
        Statistics in Medicine 25 (2006), method 5.

    >>> [round(bound, 2) for bound in auroc_interval(1.0, 10, 10)]
    [0.8, 1.0]
    """
    extra = (n_positive + n_negative) / 2 - 1

    def excess(area: float) -> float:
        """Squared distance in standard errors, less the one allowed; negative inside the interval."""
        spread = 1 + extra * ((1 - area) / (2 - area) + area / (1 + area))
        variance = area * (1 - area) * spread / (n_positive * n_negative)
        return (value - area) ** 2 - Z_95**2 * variance

    return _crossing(excess, 0.0, value), _crossing(excess, 1.0, value)


def _crossing(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Where `excess` changes sign between a point outside the interval and one inside it, by bisection."""
    if excess(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (outside + inside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return inside
