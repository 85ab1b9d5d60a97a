"""Whether what came of a version's decisions misses its targets, at any look, however often one looks."""

from collections.abc import Iterable, Mapping
from math import isfinite, lgamma, log
from typing import Final

from telltale.contract.verdict import Measured, Target

LEVEL: Final = 0.05
LEAST_ROWS: Final = 50


def quality_harm(realised: Mapping[str, Measured], targets: Iterable[Target]) -> str:
    """Which target is missed for certain, in words; "" where none is.

    A 95 % interval holds for one look. Here rates are looked at every few seconds of a week, so that a limit counts as
    missed where a bet on the rate being another one has grown by 1 / `LEVEL`, which it does with probability `LEVEL` at
    most, ever, while the limit is kept. Targets share the level.

    Args:
        realised: rates of labelled decisions, with their counts; rows that are right or wrong together make it certain
            too soon.
        targets: what was asked of the version; those that are no rates of `realised` are passed over.

    References:
        Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41
        (1970): the mixture over all rates, here a uniform one.
    """
    asked = [target for target in targets if target.metric in realised]
    for target in asked:
        rate = realised[target.metric]
        if rate.n >= LEAST_ROWS and _is_beyond(rate, target) and _log_bet(rate, target.limit) > log(len(asked) / LEVEL):
            return (
                f"{target.metric} is {rate.value:.3f} ({rate.low:.3f} to {rate.high:.3f}) on {rate.n} labelled rows; "
                f"{target.op} {target.limit:g} is asked"
            )
    return ""


def _is_beyond(rate: Measured, target: Target) -> bool:
    if not isfinite(rate.value):
        return False
    # Its own interval too: where rows weigh unlike, it is wider than counts say.
    return rate.high < target.limit if target.op == ">=" else rate.low > target.limit


def _log_bet(rate: Measured, limit: float) -> float:
    """Logarithm of what betting on all rates alike has brought against `limit`."""
    k = min(max(rate.value, 0.0), 1.0) * rate.n
    rest = rate.n - k
    if (limit <= 0 < k) or (limit >= 1 and rest > 0):
        return float("inf")
    mixed = lgamma(k + 1) + lgamma(rest + 1) - lgamma(rate.n + 2)
    against = (k * log(limit) if k else 0.0) + (rest * log(1.0 - limit) if rest else 0.0)
    return mixed - against
