"""`telltale enrol`: everybody of a file, so that their later rows can be verified."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.versions import actor_name
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.home.enrolment import enrol_rows
from telltale.train.sources import check_file

_SHOWN = 20


def enrol(
    task: Annotated[str, typer.Argument(help="APP/TASK of kind verify: personhood/verify.")],
    file: Annotated[Path, typer.Argument(help="CSV, NDJSON or Parquet: rows of the task's event.")],
    as_json: AsJson = False,
) -> int:
    """Enrol everybody of a file: each one's own rows join their profile; no model is trained."""
    with open_home() as home:
        app, found = find_task(home.apps, task)
        checked = check_file(app.event(found.event), file)
        enrolled = enrol_rows(home.folder.events, app, found, checked.frame, actor=actor_name(), now=datetime.now(UTC))
    least = 0 if found.verification is None else found.verification.least_samples
    n_ready = sum(profile.n_samples >= least for profile in enrolled.profiles)
    n_aside = enrolled.n_aside + len(checked.quarantined)
    if as_json:
        people = [
            {"entity": one.entity, "profile": one.number, "n_samples": one.n_samples, "n_bytes": len(one.body)}
            for one in enrolled.profiles
        ]
        print_json({"n_enrolled": enrolled.n_rows, "n_aside": n_aside, "n_ready": n_ready, "profiles": people})
        return 0
    say(f"{enrolled.n_rows:,} rows of {len(enrolled.profiles):,} enrolled, {n_aside:,} left aside.")
    rows = [
        (one.entity, f"{one.number}", f"{one.n_samples}", f"{len(one.body):,}") for one in enrolled.profiles[:_SHOWN]
    ]
    out.print(table("", ("who", "profile", "rows in it", "bytes"), rows, right=("profile", "rows in it", "bytes")))
    say(f"{n_ready:,} can be verified; that takes {least} rows of one's own.")
    next_step(f"POST /v1/{app.name}/{found.name}/predict with a row says whether it is theirs")
    return 0
