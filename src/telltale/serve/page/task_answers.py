"""How a task answers: requests and latency by the hour, the newest answers, the newest labels, what was learned."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from telltale.monitor.predictions import StoredPrediction
from telltale.registry.learned import Learned
from telltale.serve.page.charts import Frame, beside
from telltale.serve.page.elements import DASH, NOTHING, Html, badge, facts, joined, moment, small, table, tag
from telltale.serve.page.states import milliseconds
from telltale.serve.page.stored_read import Said
from telltale.serve.page.traffic_read import Span, Traffic
from telltale.storage.instants import from_us

_TOLD: Final = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_DRAWN: Final = ((0.5, "p50"), (0.99, "p99"))
_MOST_LETTERS: Final = 60


def traffic_part(traffic: Traffic, span: Span, *, now: datetime) -> Html:
    """Figures of a span, and both charts."""
    if not traffic.n:
        return tag("p", f"Nothing was asked in the {span.words}.", class_="quiet")
    n_failed = sum(traffic.failed)
    told = {
        "requests": f"{traffic.n:,}",
        "failed": tag("span", f"{n_failed:,}", class_="missed" if n_failed else None),
        **{name: milliseconds(traffic.quantile_ms(share)) for share, name in _TOLD},
        "latency rests on": f"{traffic.latencies_ms.size:,} newest answers",
    }
    return joined(facts(told), beside(_volume(traffic, span, now=now), _latency(traffic, span, now=now)))


def _marks(span: Span, now: datetime) -> list[tuple[float, str]]:
    """Where round moments stand, 0 to 1."""
    first = span.first(now)
    marked = [step for step in range(span.n) if (first + step) % span.mark_every == 0]
    return [(step / span.n, f"{span.begins(now, step):%H:%M}") for step in marked]


def _volume(traffic: Traffic, span: Span, *, now: datetime) -> Html:
    totals = [n + n_failed for n, n_failed in zip(traffic.answered, traffic.failed, strict=True)]
    highest = max(totals)
    peak = span.begins(now, totals.index(highest))
    frame = Frame(
        f"Requests by the {span.step_words}",
        f"requests by the {span.step_words}, {span.words}: {traffic.n:,} in all, most from {peak:%H:%M} with {highest:,}",
        x_labels=_marks(span, now),
        y_labels=[(0.0, "0"), (float(highest), f"{highest:,}")],
        high=float(highest),
    )
    for step, (total, n_failed) in enumerate(zip(totals, traffic.failed, strict=True)):
        told = f"{span.begins(now, step):%H:%M}: {total:,} requests, {n_failed:,} failed"
        for n, kind in ((total, "volume"), (n_failed, "failed")):
            if n:
                frame.bar(step / span.n, (step + 1) / span.n, float(n), kind, told)
    return frame.drawn([("volume", "answered"), ("failed", "failed")] if any(traffic.failed) else ())


def _latency(traffic: Traffic, span: Span, *, now: datetime) -> Html:
    lines = {name: traffic.quantiles_ms(share) for share, name in _DRAWN}
    known = [value for values in lines.values() for value in values if value is not None]
    if not known:
        return NOTHING
    highest = max(known)
    whole = ", ".join(f"{name} {traffic.quantile_ms(share):.3g} ms" for share, name in _DRAWN)
    frame = Frame(
        "Latency, milliseconds",
        f"latency by the {span.step_words}, {span.words}: {whole}",
        x_labels=_marks(span, now),
        y_labels=[(0.0, "0"), (highest, f"{highest:.3g}")],
        high=highest,
    )
    for name, values in lines.items():
        frame.curve(
            [None if value is None else ((step + 0.5) / span.n, value) for step, value in enumerate(values)], name
        )
    return frame.drawn([(name, name) for name in lines])


def predictions_table(found: Sequence[StoredPrediction], *, now: datetime) -> Html:
    """The newest answers."""
    columns = ("answer", "entity", "when", "score", "decision", "version", "latency")
    rows = [
        (
            tag("code", f"…{one.prediction_id[-10:]}", title=one.prediction_id),
            DASH if one.entity is None else one.entity[:_MOST_LETTERS],
            moment(one.received_at, now),
            DASH if one.score is None else joined(f"{one.score:.4g}", small(f"cut {one.threshold:.4g}" if one.threshold is not None else "")),
            _decision(one),
            joined(str(one.version), small(one.role)),
            milliseconds(one.latency_us / 1_000),
        )
        for one in found
    ]  # fmt: skip
    return table("Newest answers", columns, rows, note="None is among the newest answers of all tasks.")


def _decision(one: StoredPrediction) -> Html:
    if one.decision is None:
        return tag("span", "answered", class_="quiet")
    return badge("yes", "open", "▲") if one.decision else badge("no", "calm")


def feedback_table(found: Sequence[Said], *, now: datetime) -> Html:
    """The newest labels."""
    columns = ("given", "label", "of", "by")
    rows = [
        (
            moment(one.at, now),
            str(one.label),
            tag("code", one.prediction_id)
            if one.prediction_id
            else f"a span of {one.entity or 'every entity'}"[:_MOST_LETTERS],
            one.actor,
        )
        for one in found
    ]
    return table("Newest labels", columns, rows, note="None is among the newest labels of all tasks.")


def learned_table(found: Sequence[Learned], *, now: datetime) -> Html:
    """The steps that the champion learned beside its training."""
    columns = ("step", "rows learned from", "when", "by", "why")
    rows = [
        (str(one.number), f"{one.n_rows:,}", moment(from_us(one.made_us).astimezone(UTC), now), one.actor, one.reason)
        for one in found
    ]
    return table("Steps learned, newest first", columns, rows)
