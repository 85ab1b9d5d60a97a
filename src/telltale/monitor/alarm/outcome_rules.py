"""What came of it: quality that labels showed to be below its target, and a retraining that failed."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from telltale.contract.verdict import Measured, Target
from telltale.monitor.alarm.scene import Finding, Scene
from telltale.monitor.live_quality import live_quality
from telltale.storage.instants import from_us

_NEWEST_ENDED = """
    SELECT id, state, finished_us, result FROM job
    WHERE app = ? AND task = ? AND state IN ('done', 'failed') ORDER BY finished_us DESC LIMIT 1
"""


def low_quality(scene: Scene, limits: Mapping[str, float]) -> Finding | None:
    """A figure of the champion is below its target with its whole interval, on the labels of the last days."""
    task = scene.app.task(scene.name)
    champion = scene.registry.champion(scene.app.name, scene.name)
    if champion is None or not task.targets:
        return None
    quality = live_quality(
        scene.folder.events,
        scene.registry,
        scene.app,
        task,
        version=champion.number,
        since=scene.now - timedelta(days=limits["quality_days"]),
        until=scene.now,
    )
    missed = [
        f"{target.metric} is {rate.value:.1%} (95 % interval {rate.low:.1%} to {rate.high:.1%}, {rate.n:,} labelled), "
        f"asked is {target.op} {target.limit:.1%}"
        for target in task.targets
        if (rate := quality.realised.get(target.metric)) is not None and _is_missed(target, rate)
    ]
    if not missed:
        return None
    address = f"{scene.app.name}/{scene.name}"
    return Finding(
        what=f"Version {champion.number} is below its target on what it answered in {limits['quality_days']:g} days: "
        f"{'; '.join(missed)}",
        mend=f"Take it back where the one before was better (`telltale rollback {address}`), or retrain on newer rows "
        f"(`telltale train {address}`).",
    )


def failed_retraining(scene: Scene, limits: Mapping[str, float]) -> Finding | None:  # noqa: ARG001 - every rule has them
    """The newest retraining that did something failed; one that was skipped says nothing of the one before."""
    found = scene.folder.state.fetch(_NEWEST_ENDED, (scene.app.name, scene.name))
    if not found or found[0][1] != "failed":
        return None
    job_id, _, finished_us, result = found[0]
    reason = str(msgspec.json.decode(result).get("reason", "")) if result else ""
    address = f"{scene.app.name}/{scene.name}"
    return Finding(
        what=f"The retraining of {from_us(finished_us):%Y-%m-%d %H:%M} UTC failed (job {job_id}): "
        f"{reason.rstrip('.') or 'nothing is known of why'}",
        mend=f"Mend what it says, then ask for it again: `telltale schedule run {address}`.",
    )


def _is_missed(target: Target, rate: Measured) -> bool:
    best = rate.high if target.op == ">=" else rate.low
    return best < target.limit if target.op == ">=" else best > target.limit
