"""`telltale drift`: what is served now, held against what the version was trained on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telltale.cli.console import AsJson, next_step, out, print_json, say, table
from telltale.cli.training import Task
from telltale.contract.errors import NotFoundError
from telltale.home import open_home
from telltale.home.apps import find_task
from telltale.home.settings import as_float, read_settings
from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.picture import draw_drift
from telltale.monitor.drift.watch import LEAST_ROWS, measure_drift, watched_version
from telltale.monitor.drift.windows import window_summary
from telltale.telemetry.durations import since as moment

_COLUMNS = ("column", "drifted", "p", "shift", "detectable", "rows worth", "PSI", "KS", "Wasserstein")
_NO = "-"


def drift(
    task: Task,
    since: Annotated[str, typer.Option(help="How far back the window reaches, as in 24h.")] = "24h",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write a picture (PNG) here.")] = None,
    as_json: AsJson = False,
) -> int:
    """Hold what the champion was asked lately against the rows it was trained on, column by column."""
    now = datetime.now(UTC)
    begin = moment(since, now=now)
    with open_home() as home:
        app, found = find_task(home.apps, task)
        champion = home.registry.champion(app.name, found.name)
        if champion is None:
            raise NotFoundError("there is no champion", where=task, mend=f"telltale promote {task} makes one.")
        watched = watched_version(champion)
        if watched is None:
            raise NotFoundError(
                "its bundle has no drift reference",
                where=champion.reference,
                mend="Versions that rank or forecast have none; others made by an older telltale must be trained anew.",
            )
        limit = as_float(read_settings(Path.cwd()), "DRIFT_LIMIT")
        measured = measure_drift(home.folder.events, watched, now=now, window=now - begin, limit=limit)
        picture = None
        if output is not None and measured is not None:
            current = window_summary(home.folder.events, watched, since=begin, until=now)
            picture = draw_drift(watched.reference, current, measured, output)
    if as_json:
        print_json(
            {
                "version": champion.number,
                "since": begin,
                "until": now,
                "drift": measured,
                "file": picture,
            }
        )
        return 0
    if measured is None:
        say(f"{champion.reference} answered fewer than {LEAST_ROWS} logged requests since {begin:%Y-%m-%d %H:%M} UTC.")
        next_step("look further back with --since 7d")
        return 0
    _show(champion.reference, measured)
    if picture is not None:
        say(f"The picture is {picture}.")
    if measured.drifted:
        next_step(f"correct the source of {', '.join(measured.moved) or 'what moved'}, or telltale train {task}")
    else:
        next_step(f"telltale drift {task} -o drift.png draws it")
    return 0


def _show(reference: str, drift: Drift) -> None:
    say(f"{reference}: {drift.n_rows:,} rows {_span(drift.first_s, drift.last_s)},")
    say(f"held against {drift.n_reference:,} rows {_span(drift.reference_first_s, drift.reference_last_s)}.")
    out.print(table("", _COLUMNS, [_row(one) for one in drift.features], right=_COLUMNS[2:]))
    for one in drift.features:
        if one.why:
            say(f"  {one.name}: {one.why}")


def _span(first_s: float | None, last_s: float | None) -> str:
    if first_s is None or last_s is None:
        return "without time"
    first, last = (datetime.fromtimestamp(at, UTC) for at in (first_s, last_s))
    return f"of {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _row(one: FeatureDrift) -> tuple[str, ...]:
    shift = _NO
    if one.shift is not None and one.low is not None and one.high is not None:
        shift = f"{one.shift:+.2f} ({one.low:+.2f} to {one.high:+.2f})"
    told = "undecided" if one.drifted is None else f"yes ({one.aspect})" if one.drifted else "no"
    return (
        one.name,
        told,
        _number(one.p, ".2g"),
        shift,
        _number(one.detectable, ".2f"),
        _number(one.n_effective, ".0f"),
        _number(one.psi, ".3f"),
        _number(one.ks, ".3f"),
        _number(one.wasserstein, ".3f"),
    )


def _number(value: float | None, how: str) -> str:
    return _NO if value is None else format(value, how)
