"""Two versions side by side, for people: which is better, how often they agree, and how each answers in the shadow."""

from datetime import UTC, datetime

import msgspec

from telltale.contract.app import App, Task
from telltale.monitor.shadow_log import ShadowReport, shadow_report
from telltale.registry.release import Release
from telltale.registry.releases import Releases
from telltale.retrain.release.comparison import LiveComparison, compare_release, compare_rows
from telltale.storage.database import Database

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class SideBySide(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison, and what each version answered in the shadow of the other since `since`."""

    comparison: LiveComparison
    shadows: tuple[ShadowReport, ...]
    since: datetime | None


def side_by_side(
    events: Database, releases: Releases, app: App, task: Task, *, a: int, b: int, now: datetime
) -> SideBySide:
    """Versions `a` and `b`: in their last release beside each other, else on every request that both answered."""
    both = {a, b}
    every = releases.all(app=app.name, task=task.name, limit=1_000)
    release: Release | None = next((one for one in every if {one.number, one.against} == both), None)
    if release is None:
        comparison, since = compare_rows(events, app.name, task, a=a, b=b, since=_EVER, until=now), _EVER
    else:
        comparison, since = compare_release(events, task, release, now=now), release.started_at
    shadows = tuple(
        shadow_report(events, app.name, task.name, version=number, since=since, until=now) for number in (a, b)
    )
    return SideBySide(comparison=comparison, shadows=shadows, since=None if release is None else since)
