"""What to do with a release, from what is known of it: a pure function."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from telltale.evaluate.sequential import Conclusion
from telltale.monitor.service import ServiceLevel
from telltale.registry.release import Release
from telltale.retrain.release.comparison import LiveComparison
from telltale.retrain.release.service_harm import service_harm

Action = Literal["wait", "advance", "promote", "stop", "recommend", "roll_back", "keep"]

LEAST_IN_STEP: Final = 50  # requests that the version decided, before a ramp goes on
# What takes a version away because it was found wanting.
AWAY: Final[frozenset[Action]] = frozenset({"stop", "roll_back"})


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a release at a look.

    Args:
        comparison: of the two versions.
        new: how the released version serves, since its step began and for an hour at most.
        old: how the other one serves beside it, or served just before it was replaced.
        n_step: requests that the released version decided since its step began.
        quality: which target what came of its decisions misses for certain; "" where none.
    """

    comparison: LiveComparison
    new: ServiceLevel
    old: ServiceLevel
    n_step: int
    quality: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and why; of "wait" what is waited for."""

    action: Action
    reason: str


def decide(release: Release, seen: Seen, *, now: datetime) -> Decision:
    """What to do with an active release.

    What does harm goes first, whatever else is true: it ends a release that runs, and takes back one that is watched. A
    version that was taken away comes back by no program, and only a promotion is watched, so that nothing goes to and fro.

    Args:
        release: as it was read; active.
        seen: what is known of it.
        now: aware.
    """
    harm = service_harm(seen.new, seen.old) or seen.quality
    if not harm and _conclusion(seen) == "B":
        harm = f"version {release.against} is better: {_reason(seen)}"
    if release.state == "watching":
        return _watching(release, harm, now=now)
    if harm:
        return Decision(action="stop", reason=harm)
    if release.mode == "ramp":
        return _ramp(release, seen, now=now)
    return _shadow(seen) if release.mode == "shadow" else _test(release, seen)


def _watching(release: Release, harm: str, *, now: datetime) -> Decision:
    if harm:
        return Decision(action="roll_back", reason=harm)
    if release.watch_until is None or now >= release.watch_until:
        return Decision(action="keep", reason="it was watched, and nothing spoke against it")
    return Decision(action="wait", reason=f"it is watched until {release.watch_until:%Y-%m-%d %H:%M} UTC")


def _shadow(seen: Seen) -> Decision:
    if _conclusion(seen) == "A":
        return Decision(action="recommend", reason=f"better in shadow: promote it ({_reason(seen)})")
    return Decision(action="wait", reason=_reason(seen))


def _test(release: Release, seen: Seen) -> Decision:
    conclusion = _conclusion(seen)
    if conclusion == "A":
        return Decision(action="promote", reason=f"version {release.number} is better: {_reason(seen)}")
    if conclusion == "no_difference":
        return Decision(action="stop", reason=_reason(seen))
    return Decision(action="wait", reason=_reason(seen))


def _ramp(release: Release, seen: Seen, *, now: datetime) -> Decision:
    over_at = release.step_at + timedelta(seconds=release.every_s or 0.0)
    if now < over_at:
        return Decision(
            action="wait", reason=f"the step of {release.percent} % lasts until {over_at:%Y-%m-%d %H:%M} UTC"
        )
    missing = LEAST_IN_STEP - seen.n_step
    if missing > 0:
        return Decision(action="wait", reason=f"{missing} more requests must be decided at {release.percent} %")
    following = release.steps[release.step + 1] if release.step + 1 < len(release.steps) else 100
    reason = f"{seen.n_step} requests were decided at {release.percent} %, and nothing speaks against it"
    return Decision(action="promote" if following == 100 else "advance", reason=reason)


def _conclusion(seen: Seen) -> Conclusion | None:
    return None if seen.comparison.answer is None else seen.comparison.answer.conclusion


def _reason(seen: Seen) -> str:
    return seen.comparison.reason if seen.comparison.answer is None else seen.comparison.answer.reason
