"""How good a task's versions are on live traffic, and what moved in what they read."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from telltale.contract.app import Task
from telltale.contract.verdict import Measured, Target
from telltale.evaluate.wording import count_text, figure_name, figure_text, interval_text, limit_text
from telltale.monitor.drift.decide import FeatureDrift
from telltale.monitor.drift.findings import Finding
from telltale.monitor.drift.rule import mean_psi
from telltale.monitor.live_quality import LiveQuality
from telltale.monitor.report.matters import missed
from telltale.registry.versions import Version
from telltale.serve.page.charts import NARROW, Frame, beside, interval, spark
from telltale.serve.page.elements import DASH, NOTHING, Html, badge, duration_text, joined, moment, small, table, tag
from telltale.serve.page.quality_read import Quality
from telltale.serve.page.states import drift_badge

_MOST_FEATURES, _MOST_VERSIONS, _MOST_DRAWN = 12, 4, 3


def quality_part(task: Task, found: Quality | None, champion: Version | None) -> Html:
    """Realised from labels beside estimated without, of each version that answered, the champion first; and day by day.

    `found` is None while it is still being counted.
    """
    if found is None:
        told = "It is being counted, which takes a while with so many answers: look again soon."
        return tag("p", told, class_="quiet")
    if not found.versions:
        return tag("p", "Nothing was answered in this time.", class_="quiet")
    ordered = sorted(found.versions, key=lambda one: champion is None or one.version != champion.number)
    by_day = beside(*(_by_day(target, found) for target in task.targets[:_MOST_DRAWN]))
    return joined(by_day, *(_of_version(task, one, champion) for one in ordered[:_MOST_VERSIONS]))


def _by_day(target: Target, found: Quality) -> Html:
    """A figure of the champion on each day that has labels, its interval, and what is asked of it."""
    there = [
        (place, day, one.realised[target.metric])
        for place, (day, one) in enumerate(found.days)
        if target.metric in one.realised
    ]
    if not there:
        return NOTHING
    ends = [target.limit, *(end for *_, one in there for end in (one.low, one.high))]
    low, high = min(ends), max(ends)
    name, asked = figure_name(target.metric), limit_text(target.metric, target.op, target.limit)
    told = ", ".join(f"{day:%d %B} {figure_text(target.metric, one.value)}" for _, day, one in there)
    n = len(found.days)
    frame = Frame(
        f"{name} by day",
        f"{name} of the champion by day, from labels: {told}; asked is {asked}",
        x_labels=[
            ((place + 0.5) / n, f"{day.day} {day:%b}") for place, (day, _) in enumerate(found.days) if place % 2 == 0
        ],
        y_labels=[(end, figure_text(target.metric, end)) for end in (low, high)],
        low=low,
        high=high,
        size=NARROW,
    )
    frame.level(target.limit, "limit")
    for place, _, one in there:
        frame.whisker((place + 0.5) / n, one.low, one.high, "p50")
        frame.dot(((place + 0.5) / n, one.value), "p50")
    return frame.drawn([("p50", "with its 95 % interval"), ("limit", f"asked: {asked}")])


def _of_version(task: Task, one: LiveQuality, champion: Version | None) -> Html:
    targets = {target.metric: target for target in task.targets}
    names = [*dict.fromkeys((*one.realised, *one.estimated))]
    columns = ("figure", "realised, from labels", "estimated, from scores", "asked", "realised and limit")
    rows = [
        (
            figure_name(name),
            _figure(name, one.realised, targets),
            _figure(name, one.estimated, {}),
            limit_text(name, targets[name].op, targets[name].limit) if name in targets else DASH,
            _scale(name, one.realised, targets),
        )
        for name in names
    ]
    delay = "" if one.label_delay_s is None else f", {duration_text(one.label_delay_s)} after the answer (median)"
    labels = f"{one.n_labelled:,} with a label{delay}" if one.n_labelled else "none has a label yet"
    is_champion = champion is not None and champion.number == one.version
    head = tag("h3", f"Version {one.version}{', the champion' if is_champion else ''}")
    why = f" Nothing is estimated: {one.no_estimate.rstrip('.')}." if one.no_estimate and not one.estimated else ""
    told = tag("p", f"{one.n:,} answers, {labels}.{why}", class_="quiet")
    return joined(head, told, table(f"Quality of version {one.version}", columns, rows))


def _figure(name: str, measured: Mapping[str, Measured], targets: Mapping[str, Target]) -> Html:
    found = measured.get(name)
    if found is None:
        return DASH
    target = targets.get(name)
    is_missed = target is not None and missed(target, found)
    told = f"{interval_text(name, found.low, found.high)}, {count_text(name, found.n)}"
    value = tag("b", figure_text(name, found.value), class_="missed" if is_missed else None)
    return joined(value, " ", badge("missed", "bad", "✗") if is_missed else NOTHING, small(told))


def _scale(name: str, measured: Mapping[str, Measured], targets: Mapping[str, Target]) -> Html:
    found, target = measured.get(name), targets.get(name)
    if found is None:
        return DASH
    limit = "" if target is None else f", limit {limit_text(name, target.op, target.limit)}"
    told = f"interval {interval_text(name, found.low, found.high)}{limit}"
    return interval(found.value, found.low, found.high, None if target is None else target.limit, told)


def drift_part(findings: Sequence[Finding], *, now: datetime) -> Html:
    """The newest look, feature by feature, the most moved first; and how the mean went over the looks."""
    if not findings:
        return tag(
            "p",
            "Nobody has looked yet: telltale work looks every hour, once there are enough requests.",
            class_="quiet",
        )
    newest = findings[0]
    means = [mean_psi(one.drift) for one in reversed(findings)]
    line = spark(means, f"mean PSI over the last {len(means)} looks")
    drift = newest.drift
    about = tag(
        "p",
        drift_badge(newest),
        " ",
        line,
        f" {drift.n_rows:,} rows against {drift.n_reference:,} of version {newest.version}'s reference, ",
        moment(newest.at, now),
        f". {drift.why}" if drift.why else ".",
        class_="quiet",
    )
    features = sorted(drift.features, key=lambda one: (not one.drifted, one.p if one.p is not None else 2.0))
    columns = ("column", "moved", "shift, in deviations", "PSI", "KS", "p", "shift and zero")
    rows = [
        (
            one.name,
            _moved(one),
            DASH if one.shift is None else f"{one.shift:+.2f}",
            _number(one.psi),
            _number(one.ks),
            _number(one.p),
            _shift(one),
        )
        for one in features[:_MOST_FEATURES]
    ]
    more = len(features) - _MOST_FEATURES
    rest = tag("p", f"{more} columns more, none of which moved as clearly.", class_="quiet") if more > 0 else NOTHING
    return joined(about, table("Drift of each column", columns, rows), rest)


def _moved(one: FeatureDrift) -> Html:
    if one.drifted is None:
        return joined(badge("undecided", "calm", "?"), small(one.why))
    return joined(badge("drifted", "bad", "✗"), small(one.aspect or "")) if one.drifted else badge("no", "good", "✓")


def _shift(one: FeatureDrift) -> Html:
    if one.shift is None or one.low is None or one.high is None:
        return DASH
    return interval(one.shift, one.low, one.high, 0.0, f"from {one.low:+.2f} to {one.high:+.2f}, zero is no shift")


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
