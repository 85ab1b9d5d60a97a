"""What a version is worth on live traffic: realised from labels as they come, estimated before they do."""

from datetime import datetime

import msgspec
import numpy as np

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError
from telltale.contract.kinds import SCORING_KINDS
from telltale.contract.verdict import Measured
from telltale.models.bundle import read_manifest
from telltale.models.manifest import Calibration
from telltale.monitor.answer_counts import Answered, count_scores, count_strata, label_delays_s
from telltale.monitor.estimated_quality import estimated_rates
from telltale.monitor.realised_quality import realised_hits, realised_rates
from telltale.registry.registry import Registry
from telltale.storage.database import Database


class LiveQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One version over a span of time, both ways side by side.

    Args:
        version: its number.
        n: its answers, those in the shadow of another version included.
        n_labelled: those of them that have a label.
        realised: figures by name, from labels: those of a task that decides, or `hit_rate`.
        estimated: the same figures without labels; see `estimated_rates` on when not to trust them.
        label_delay_s: median time from a request to its label; None without labels.
        unknown: why a figure is not among the realised.
        no_estimate: why nothing is estimated; "" where something is.
    """

    version: int
    n: int
    n_labelled: int
    realised: dict[str, Measured]
    estimated: dict[str, Measured]
    label_delay_s: float | None
    unknown: dict[str, str] = {}
    no_estimate: str = ""


def live_quality(
    events: Database,
    registry: Registry,
    app: App,
    task: Task,
    *,
    version: int,
    since: datetime,
    until: datetime,
    seed: int = 0,
) -> LiveQuality:
    """What a version is worth on requests received from `since` on, before `until`.

    Args:
        events: predictions and feedback.
        registry: where the version's calibration is found.
        app: whose task it is.
        task: whose version it is.
        version: its number.
        since: aware.
        until: aware.
        seed: of the draws behind intervals; same seed, same figures.

    Raises:
        NotFoundError: no such version.
    """
    rng = np.random.default_rng(seed)
    of = Answered(app=app.name, task=task.name, version=version, since=since, until=until)
    calibration, no_estimate = _calibration(registry, task, of)
    strata = count_strata(events, of)
    n_labelled = sum(stratum.n_labelled for stratum in strata)
    realised = realised_rates(strata, rng=rng) if task.kind in SCORING_KINDS else realised_hits(strata)
    estimated: dict[str, Measured] = {}
    if calibration is not None:
        flagged, passed = count_scores(events, of, calibration.edges)
        estimated = estimated_rates(calibration, flagged, passed, rng=rng)
    return LiveQuality(
        version=version,
        n=sum(stratum.n for stratum in strata),
        n_labelled=n_labelled,
        realised=realised.rates,
        estimated=estimated,
        label_delay_s=float(np.median(label_delays_s(events, of))) if n_labelled else None,
        unknown=realised.unknown,
        no_estimate=no_estimate,
    )


def _calibration(registry: Registry, task: Task, of: Answered) -> tuple[Calibration | None, str]:
    """That of the version, or why there is none."""
    version = registry.get(of.app, of.task, of.version)
    if task.kind not in SCORING_KINDS:
        return None, "its answers are no decisions"
    if version.removed_at is not None:
        return None, "its files were removed"
    try:
        found = read_manifest(version.path, where=version.reference).calibration
    except BundleError as error:
        return None, str(error)
    return found, "" if found is not None else "it was trained without enough labelled rows kept back"
