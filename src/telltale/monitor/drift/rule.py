"""When looks that are repeated every hour make a drift: rarely where nothing changed, soon where something did.

Windows of a day that are looked at every hour are a hundred and sixty-eight chances of a false alarm a week. A feature
has drifted where it is beyond the level in two windows in a row that share no row, or far beyond it in one.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from telltale.monitor.drift.decide import Drift, FeatureDrift

# Of a single window. `tests/monitor/drift/test_rule.py` counts what it comes to in a week of looks.
LEVEL: Final = 0.01
# By name, as a task's `alarm_limits` name them: from which mean PSI on a drift that was found is told as a significant one.
# It decides nothing by itself, since of few rows a mean PSI of 0.3 is what chance gives where nothing changed.
LIMITS: Final[Mapping[str, float]] = {"drift_mean_psi": 0.3}
# So much rarer than the level a window must be to need no other beside it.
_ALONE: Final = 50.0


def judge_windows(now: Drift, before: Drift | None) -> Drift:
    """The current window with what has drifted by the rule, over what it says by itself.

    Args:
        now: the current window.
        before: the window of the same length that ends where it begins; None where there is none.
    """
    earlier = {} if before is None else {one.name: one.p for one in before.features}
    features = tuple(
        one if one.p is None else replace(one, drifted=_has_drifted(one.p, earlier.get(one.name), now.level))
        for one in now.features
    )
    return _with(now, features)


def judge_by_limit(now: Drift, limit: float) -> Drift:
    """The classic rule in its place: the mean PSI over features above a fixed limit. It carries no error rate."""
    mean = mean_psi(now)
    has_drifted = mean is not None and mean > limit
    features = tuple(
        one if one.psi is None else replace(one, drifted=has_drifted and one.psi > limit) for one in now.features
    )
    return replace(now, features=features, drifted=has_drifted if mean is not None else None)


def mean_psi(drift: Drift) -> float | None:
    """The mean PSI over features; None where none has one."""
    known = [one.psi for one in drift.features if one.psi is not None]
    return sum(known) / len(known) if known else None


def is_quiet(drift: Drift) -> bool:
    """Whether the window by itself, too, says that nothing has drifted: only then is an alarm over."""
    return drift.drifted is False and all(one.p is None or one.p > drift.level for one in drift.features)


def _has_drifted(p: float, earlier: float | None, level: float) -> bool:
    return p <= level / _ALONE or (p <= level and earlier is not None and earlier <= level)


def _with(drift: Drift, features: tuple[FeatureDrift, ...]) -> Drift:
    decided = [one.drifted for one in features if one.drifted is not None]
    return replace(drift, features=features, drifted=any(decided) if decided else None)
