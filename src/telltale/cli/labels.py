"""`telltale feedback`: what turned out to be true, from a file."""

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
from telltale.telemetry.files import read_rows
from telltale.telemetry.frames import LINE


def feedback(
    file: Annotated[Path, typer.Argument(help="NDJSON or CSV: prediction_id,label or app,task,entity,from,to,label.")],
    as_json: AsJson = False,
) -> int:
    """Store labels that came later; the next version is trained and judged on them."""
    rows: list[FeedbackRow] = []
    refused: list[tuple[int, str]] = []
    with open_home() as home:
        for line, item in _items(file):
            try:
                rows.append(_check(home, item))
            except (TelltaleError, msgspec.ValidationError) as error:
                refused.append((line, str(error).replace("`", "")))
        if rows:
            with home.folder.events.write() as connection:
                write_feedback(connection, rows)
    if as_json:
        print_json({"accepted": len(rows), "refused": [{"line": line, "reason": why} for line, why in refused]})
    else:
        say(f"{len(rows):,} labels stored, {len(refused):,} refused.")
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


def _check(home: Home, item: dict[str, object]) -> FeedbackRow:
    said = msgspec.convert(item, Feedback, strict=False)  # not strict: numbers in CSV are text
    if said.app is not None and said.task is not None:
        find_task(home.apps, f"{said.app}/{said.task}")
    return check_feedback(home.folder.events, said, actor=actor_name(), now=datetime.now(UTC))
