"""Has a stream moved away from its reference? Decided at a level that holds at the sample sizes there are.

Per feature four questions share the feature's level: has its location moved, its spread, the share of any one of its
bins, the share of missing values? Each is asked within like hours, so that a day's rhythm is no drift, and with the
number of independent rows that the autocorrelated ones are worth, on both sides: the reference is finite too. Features
share the level of the whole by Holm's method.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from telltale.contract.errors import UsageError
from telltale.features.summaries.layout import FeatureLayout
from telltale.features.summaries.stream import FeatureSummary, Reference, Summary
from telltale.monitor.drift.aspects import (
    Aspect,
    AspectDrift,
    Sizes,
    like_for_like,
    middle_scores,
    missing_test,
    score_test,
)
from telltale.monitor.drift.statistics import distances, rarest_bin

# Shares of a feature's level. Most drift moves the location; the others are asked at little cost to it.
WEIGHTS: Final[dict[Aspect, float]] = {"location": 0.7, "spread": 0.15, "shape": 0.075, "missing": 0.075}
LEAST_ROWS: Final = 10
LEAST_REFERENCE: Final = 20.0
_Z_80: Final = 0.8416212335729143  # the 80 % quantile of the standard normal distribution
_Z_95: Final = 1.959963984540054


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One feature.

    Args:
        drifted: at the level of the whole, over all features; None where it cannot be decided.
        p: adjusted for the number of features and of questions; it is below the level where the feature has drifted.
        aspect: what moved most clearly.
        shift, low, high: how far the location is from the reference's, with a 95 % interval for this feature alone: in
            standard deviations of normal scores (a shift of a bell curve by its own standard deviation is about 1).
        detectable: a shift that would have been found with a probability of 80 %.
        n, n_missing: values in the current window.
        n_effective, n_reference_effective: independent rows that they are worth.
        autocorrelation, reference_autocorrelation: at lag 1, within like hours.
        psi, ks, wasserstein: distances, for the reader; fixed limits on them carry no error rate.
        why: why it is undecided; "" where it is decided.
    """

    name: str
    drifted: bool | None
    p: float | None = None
    aspect: Aspect | None = None
    shift: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    n: int
    n_missing: int
    n_effective: float | None = None
    n_reference_effective: float | None = None
    autocorrelation: float | None = None
    reference_autocorrelation: float | None = None
    psi: float | None = None
    ks: float | None = None
    wasserstein: float | None = None
    aspects: tuple[AspectDrift, ...] = ()
    why: str = ""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What a window says.

    Args:
        drifted: whether any feature has; None where none can be decided.
        level: probability of a false alarm of the whole window, at most, where nothing changed.
        features: each of them.
        n_rows, n_reference: rows of both windows.
        first_s, last_s, reference_first_s, reference_last_s: when they were (epoch seconds).
        why: why nothing is decided; "" otherwise.
    """

    drifted: bool | None
    level: float
    features: tuple[FeatureDrift, ...]
    n_rows: int
    n_reference: int
    first_s: float | None = None
    last_s: float | None = None
    reference_first_s: float | None = None
    reference_last_s: float | None = None
    why: str = ""

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of the features that have drifted."""
        return tuple(feature.name for feature in self.features if feature.drifted)


class FixedLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The classic rule, as asked for: PSI against a fixed limit, whatever the number of rows."""

    name: str
    psi: float
    band: Literal["stable", "watch", "drifted"]


def compare(reference: Reference, current: Summary, *, level: float = 0.05) -> Drift:
    """Hold a window against the reference.

    When NOT to use it: where the rows of one stream were dealt out to several summaries (they look independent), and
    where many entities move together, such as the hosts behind one switch: rows of different entities at one time are
    taken for independent.

    Args:
        reference: what the rows are to be like.
        current: of the same layout.
        level: of false alarms of the whole window, in (0, 1).

    Raises:
        UsageError: the summary is of another layout, or the level is no probability.

    References:
        Hajek, Sidak & Sen, "Theory of Rank Tests", 1999 (normal scores and Klotz's test); Holm, "A simple sequentially
        rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    if current.layout != reference.layout.digest:
        raise UsageError(
            f"the window is of the layout {current.layout!r}, the reference of {reference.layout.digest!r}",
            where="drift",
            mend="Summarise the window with the reference's own layout.",
        )
    if not 0 < level < 1:
        raise UsageError(f"level {level:g}", where="drift", mend="Give a probability, such as 0.05.")
    judged = [
        _judge(layout, kept, now)
        for layout, kept, now in zip(
            reference.layout.features, reference.summary.features, current.features, strict=True
        )
    ]
    features = _share_level(judged, level)
    decided = [feature.drifted for feature in features if feature.drifted is not None]
    return Drift(
        drifted=any(decided) if decided else None,
        level=level,
        features=features,
        n_rows=current.n_rows,
        n_reference=reference.summary.n_rows,
        first_s=current.first_s,
        last_s=current.last_s,
        reference_first_s=reference.summary.first_s,
        reference_last_s=reference.summary.last_s,
        why="" if decided else features[0].why if features else "there is no feature",
    )


def fixed_limits(
    reference: Reference, current: Summary, *, watch: float = 0.1, drifted: float = 0.25
) -> tuple[FixedLimit, ...]:
    """PSI of every feature against fixed limits, the usual 0.1 and 0.25 or others.

    The limits carry no error rate: on 50 rows of which nothing changed "watch" comes up nearly always.
    """
    found = []
    for layout, kept, now in zip(reference.layout.features, reference.summary.features, current.features, strict=True):
        psi = distances(*like_for_like(kept, now)[:2], middle_scores(layout)).psi
        band: Literal["stable", "watch", "drifted"] = (
            "drifted" if psi >= drifted else "watch" if psi >= watch else "stable"
        )
        found.append(FixedLimit(name=layout.name, psi=psi, band=band))
    return tuple(found)


def _judge(layout: FeatureLayout, kept: FeatureSummary, now: FeatureSummary) -> FeatureDrift:
    """One feature, its `p` not adjusted for the others yet."""
    expected, current, matched = like_for_like(kept, now)
    n_missing = sum(now.n_missing)
    missing = missing_test(kept, now)
    if matched.n < LEAST_ROWS:
        if missing.p < 1.0 and now.n < LEAST_ROWS <= now.n + n_missing:
            return _undecided_but_missing(layout, now, missing)
        what = f"{matched.n} values with like hours in the reference; at least {LEAST_ROWS} are needed"
        return FeatureDrift(name=layout.name, drifted=None, n=now.n, n_missing=n_missing, why=what)
    if len(expected) == 1:
        what = "the reference has too few values in each of the like hours to tell one from another"
        return FeatureDrift(name=layout.name, drifted=None, n=now.n, n_missing=n_missing, why=what)
    location = score_test("location", layout, kept, now)
    if location.sizes.kept < LEAST_REFERENCE:
        what = f"the reference is worth {location.sizes.kept:.0f} independent rows; at least {LEAST_REFERENCE:.0f} are needed"
        return FeatureDrift(name=layout.name, drifted=None, n=now.n, n_missing=n_missing, why=what)
    spread = score_test("spread", layout, kept, now)
    # A bin's count remembers no longer than the scores do.
    least = Sizes(now=min(location.sizes.now, spread.sizes.now), kept=min(location.sizes.kept, spread.sizes.kept))
    shape = AspectDrift(
        aspect="shape",
        p=rarest_bin(current, expected / expected.sum(), least.now, least.kept),
        n_effective=least.now,
        n_reference_effective=least.kept,
    )
    aspects = (location.as_aspect(), spread.as_aspect(), shape, missing)
    first = min(aspects, key=lambda one: one.p / WEIGHTS[one.aspect])
    far = distances(expected, current, middle_scores(layout))
    deviation = math.sqrt(location.sizes.variance)
    return FeatureDrift(
        name=layout.name,
        drifted=False,
        p=min(1.0, first.p / WEIGHTS[first.aspect]),
        aspect=first.aspect,
        shift=location.difference,
        low=location.difference - _Z_95 * deviation,
        high=location.difference + _Z_95 * deviation,
        n=now.n,
        n_missing=n_missing,
        n_effective=location.sizes.now,
        n_reference_effective=location.sizes.kept,
        autocorrelation=location.own_correlation,
        reference_autocorrelation=location.kept_correlation,
        psi=far.psi,
        ks=far.ks,
        wasserstein=far.wasserstein,
        aspects=aspects,
    )


def _undecided_but_missing(layout: FeatureLayout, now: FeatureSummary, missing: AspectDrift) -> FeatureDrift:
    """A feature of which hardly a value came: only that can be asked."""
    return FeatureDrift(
        name=layout.name,
        drifted=False,
        p=min(1.0, missing.p / WEIGHTS["missing"]),
        aspect="missing",
        n=now.n,
        n_missing=sum(now.n_missing),
        aspects=(missing,),
    )


def _share_level(judged: Sequence[FeatureDrift], level: float) -> tuple[FeatureDrift, ...]:
    """Holm's method over the features that can be decided; and what shift each could have shown."""
    from scipy.special import ndtri

    order = sorted(
        (place for place, one in enumerate(judged) if one.p is not None), key=lambda place: judged[place].p or 0.0
    )
    adjusted: dict[int, float] = {}
    least = 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (judged[place].p or 0.0) * (len(order) - rank)))
        adjusted[place] = least
    z = -float(ndtri(level * WEIGHTS["location"] / max(len(order), 1) / 2))
    made = []
    for place, one in enumerate(judged):
        if place not in adjusted:
            made.append(one)
            continue
        detectable = None
        if one.n_effective is not None and one.n_reference_effective is not None:
            detectable = (z + _Z_80) * math.sqrt(1 / one.n_effective + 1 / one.n_reference_effective)
        made.append(
            msgspec.structs.replace(one, p=adjusted[place], drifted=adjusted[place] <= level, detectable=detectable)
        )
    return tuple(made)
