"""What `telltale demo` asks its server: a stretch of events for tasks that score, one question for the others."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from telltale.cli.console import out, say, table
from telltale.cli.example_bodies import TRAFFIC, example_body
from telltale.contract.app import App, Task
from telltale.contract.errors import TelltaleError
from telltale.telemetry.export import event_columns
from telltale.telemetry.frames import LABEL
from telltale.train.sources import check_simulated

# The traffic lies a year after training: nothing in it was seen before.
_DAYS_LATER = 371.0
_SHOWN = 6
_WIDEST = 320  # characters of an answer that are shown


@dataclass(frozen=True, kw_only=True)
class Found:
    """One row of the traffic: the truth, and what was said of it."""

    time: str
    truth: int
    flagged: bool
    score: float
    why: str


def send_events(url: str, app: App, task: Task) -> list[Found]:
    """Post labelled rows without their labels, scored from the rows stored before them."""
    schema = app.event(task.event)
    frame = check_simulated(app, task.event, TRAFFIC, days_later=_DAYS_LATER).frame
    truths = dict(zip(frame["@line"], frame[LABEL].fill_null(0), strict=True))
    rows = event_columns(frame.drop(LABEL), schema).with_columns(pl.col(schema.time).dt.to_string("iso:strict"))
    body = b"\n".join(msgspec.json.encode(row) for row in rows.iter_rows(named=True))
    received = post(f"{url}/v1/{app.name}/events/{schema.name}?score=true", body)
    answers = [answer for answer in received["predictions"] if answer["task"] == task.name]
    return [
        Found(
            time=str(when),
            truth=int(truths[line]),
            flagged=bool(answer["decision"]),
            score=float(answer["score"]),
            why="; ".join(map(_sentence, answer.get("reasons", ()))),
        )
        for when, line, answer in zip(rows[schema.time], frame["@line"], answers, strict=True)
    ]


def ask_once(url: str, app: App, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """One question that the version can answer, and its answer."""
    body = example_body(app, task)
    return body, post(f"{url}/v1/{app.name}/{task.name}/predict", msgspec.json.encode(body))


def post(url: str, body: bytes) -> Any:
    """The decoded answer. Raises TelltaleError with what the server said."""
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own server
            return msgspec.json.decode(response.read())
    except urllib.error.HTTPError as refusal:
        problem = msgspec.json.decode(refusal.read())
        raise TelltaleError(problem["detail"], where=url, mend=problem["mend"]) from refusal


def traffic_document(found: list[Found]) -> dict[str, int]:
    """How the traffic went, in numbers."""
    return {
        "rows": len(found),
        "positive": sum(row.truth for row in found),
        "caught": sum(row.truth and row.flagged for row in found),
        "false_alarms": sum(row.flagged and not row.truth for row in found),
    }


def show_traffic(found: list[Found], *, label: str) -> None:
    """The same for people, with what was flagged and why."""
    counts = traffic_document(found)
    say(
        f"Sent {counts['rows']} new events: of {counts['positive']} with {label} 1, {counts['caught']} were found; "
        f"of the others {counts['false_alarms']} were flagged too."
    )
    told = [row for row in found if row.why or row.flagged != bool(row.truth)][:_SHOWN]
    rows = [(row.time[:16].replace("T", " "), _word(row), f"{row.score:.3f}", row.why) for row in told]
    if rows:
        out.print(table("", ("time", "what", "score", "why"), rows, right=("score",)))


def show_answer(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """A question and its answer, without what every answer carries."""
    head = ("prediction_id", "app", "task", "entity", "version", "role", "context")
    said = msgspec.json.encode({name: value for name, value in answer.items() if name not in head}).decode()
    say(f"Asked  {_short(msgspec.json.encode(body).decode())}")
    say(f"Answer {_short(said)}")


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _sentence(reason: dict[str, Any]) -> str:
    low, high = _number(reason["expected_low"]), _number(reason["expected_high"])
    after = " after the rows before" if reason.get("against") == "rows before" else ""
    when = f" at {reason['at'][11:19]}" if "at" in reason else ""
    return f"{reason['metric']} {_number(reason['value'])}{when}, expected {low} to {high}{after}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _word(row: Found) -> str:
    return "found" if row.truth and row.flagged else "flagged" if row.flagged else "missed"
