"""Two rollouts: a good challenger that becomes champion, and a bad one that only live labels give away."""

from datetime import timedelta
from typing import Final

import polars as pl

from telltale.cli.drill.scene import Scene, Seen, Tell, after
from telltale.cli.drill.stage import Stage
from telltale.cli.drill.town import busier

STEPS: Final = (10, 25, 50, 100)
EVERY: Final = timedelta(hours=6)
_MOST_HOURS: Final = 96
_WATCHED_HOURS: Final = 6
_SALE: Final = 2.0  # times the traffic


def good_challenger(stage: Stage, before: pl.DataFrame, live: pl.DataFrame, tell: Tell) -> Scene:
    """A better version goes through the steps of a ramp, becomes champion, and is kept after its week.

    Args:
        stage: with a champion.
        before: labelled rows to train on.
        live: labelled rows from now on.
        tell: given lines for people.
    """
    trained = stage.train(before)
    number, former = trained.version.number, stage.champion
    release = stage.begin(number, steps=STEPS, every=EVERY, reason="drill: better on held-out rows")
    tell(f"Version {number} ({trained.manifest.estimator}) goes beside version {former} at {release.percent} %.")
    began, shares = stage.now, [release.percent]
    for _ in range(_MOST_HOURS):
        stage.play(live)
        release = stage.release or release
        if release.state != "running":
            break
        if release.percent != shares[-1]:
            shares.append(release.percent)
            tell(f"{after(stage.now - began)}: {release.percent} % of services. {_why(release.evidence)}")
    promoted_after = stage.now - began
    tell(f"{after(promoted_after)}: {release.state}; version {stage.champion} decides. {_why(release.evidence)}")
    stage.refresh()
    return Scene(
        name="good_challenger",
        title="A good challenger ramps to champion",
        seen=(
            Seen(what="every step of the ramp was taken", holds=tuple(shares) == STEPS[:-1], found=f"{shares} %"),
            Seen(what="it is champion", holds=stage.champion == number, found=f"version {stage.champion}"),
            Seen(what="it answers", holds=stage.serving == number, found=f"version {stage.serving}"),
            Seen(what="its predecessor is at hand", holds=release.state == "watching", found=release.state),
        ),
        figures={"version": number, "hours_to_champion": promoted_after / timedelta(hours=1)},
    )


def bad_challenger(stage: Stage, before: pl.DataFrame, live: pl.DataFrame, tell: Tell) -> Scene:
    """A version trained on an export of a sale: the gate passes on that export, live it takes quiet hours for incidents.

    Args:
        stage: with a champion that is watched or kept.
        before: labelled rows of which the export is made.
        live: labelled rows from now on.
        tell: given lines for people.
    """
    champion = stage.champion
    trained = stage.train(before.pipe(busier(_SALE)))
    number, metrics = trained.version.number, trained.manifest.metrics
    offline = f"precision {metrics['precision']:.3f}, recall {metrics['recall']:.3f}"
    tell(
        f"Version {number} passes the gate on held-out rows of its own export ({offline}), and begins at {STEPS[0]} %."
    )
    stage.begin(number, steps=STEPS, every=EVERY, reason="drill: the gate passed")
    began = stage.now
    release = stage.release
    for _ in range(_MOST_HOURS):
        stage.play(live)
        release = stage.release
        if release is None or release.ended_at is not None:
            break
    delay = stage.now - began
    assert release is not None  # it was begun above
    tell(f"{after(delay)}: {release.state}. {release.outcome}")
    stage.refresh()
    roles = {version.number: version.role for version in stage.home.registry.versions(stage.app.name, stage.task.name)}
    last = stage.home.registry.history(stage.app.name, stage.task.name)[-1]
    return Scene(
        name="bad_challenger",
        title="A challenger that is worse where offline evaluation does not look is caught live",
        seen=(
            Seen(what="the gate let it pass", holds=trained.version.outcome == "pass", found=offline),
            Seen(what="it was taken back", holds=release.state in {"stopped", "rolled_back"}, found=release.state),
            Seen(what="it decides no more", holds=roles[number] == "none", found=roles[number]),
            Seen(what="the champion is who it was", holds=stage.champion == champion, found=f"version {champion}"),
            Seen(what="the evidence is in the ledger", holds=bool(last.evidence), found=last.reason),
        ),
        figures={"version": number, "detection_delay_hours": delay / timedelta(hours=1)},
    )


def end_of_watch(stage: Stage, live: pl.DataFrame, tell: Tell) -> None:
    """Some hours under the eyes of the controller; then the clock is put on to the end of the watch, which is quiet."""
    for _ in range(_WATCHED_HOURS):
        stage.play(live)
    release = stage.release
    if release is not None and release.watch_until is not None and release.ended_at is None:
        stage.now = max(stage.now, release.watch_until.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
        stage.play(live)
        release = stage.release or release
        tell(f"A week later: {release.state}. {release.outcome}")


def _why(evidence: object) -> str:
    return str(evidence.get("why", "")) if isinstance(evidence, dict) else ""
