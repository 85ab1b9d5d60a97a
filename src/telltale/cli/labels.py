"""`telltale feedback`: what turned out to be true, from a file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.versions import actor_name
from telltale.contract.errors import TelltaleError
from telltale.home import Home, open_home
from telltale.home.apps import find_task
from telltale.monitor.feedback import Feedback, FeedbackRow, check_feedback, write_feedback
from telltale.monitor.outcomes import outcome_event
from telltale.telemetry.event_store import EventStore
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LINE


def feedback(
    file: Annotated[
        Path,
        typer.Argument(
            help="NDJSON or CSV: prediction_id,label or app,task,entity,from,to,label; or, in NDJSON, prediction_id,outcome."
        ),
    ],
    as_json: AsJson = False,
) -> int:
    """Store labels that came later; the next version is trained and judged on them."""
    rows: list[FeedbackRow] = []
    n_outcomes = 0
    refused: list[tuple[int, str]] = []
    with open_home() as home:
        for line, item in _items(file):
            try:
                said = msgspec.convert(item, Feedback, strict=False)  # not strict: numbers in CSV are text
                if said.outcome is None:
                    rows.append(_check(home, said))
                else:
                    _store(home, said.prediction_id, said.outcome)
                    n_outcomes += 1
            except (TelltaleError, msgspec.ValidationError) as error:
                refused.append((line, str(error).replace("`", "")))
        if rows:
            with home.folder.events.write() as connection:
                write_feedback(connection, rows)
    if as_json:
        print_json(
            {"accepted": len(rows) + n_outcomes, "refused": [{"line": line, "reason": why} for line, why in refused]}
        )
    else:
        told = f" and {n_outcomes:,} outcomes" if n_outcomes else ""
        say(f"{len(rows):,} labels{told} stored, {len(refused):,} refused.")
        if refused:
            out.print(
                table("Refused", ("line", "reason"), [(str(line), why) for line, why in refused], right=("line",))
            )
        next_step("telltale train APP/TASK learns from them; so does telltale work, on its schedule")
    return 1 if refused else 0


def _items(file: Path) -> list[tuple[int, dict[str, object]]]:
    raw = read_rows(file)
    items = []
    for row in raw.frame.iter_rows(named=True):
        line = row.pop(LINE)
        items.append((line, {name: value for name, value in row.items() if value not in (None, "")}))
    return items


def _store(home: Home, prediction_id: str | None, outcome: Mapping[str, float]) -> None:
    found = outcome_event(home.folder.events, home.apps, prediction_id, outcome)
    EventStore(home.folder.events).add(
        found.app,
        found.event.name,
        found.checked.frame,
        found.checked.columns,
        source="feedback",
        now=datetime.now(UTC),
    )


def _check(home: Home, said: Feedback) -> FeedbackRow:
    if said.app is not None and said.task is not None:
        find_task(home.apps, f"{said.app}/{said.task}")
    return check_feedback(home.folder.events, said, actor=actor_name(), now=datetime.now(UTC))
