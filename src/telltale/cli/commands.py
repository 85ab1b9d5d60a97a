"""All commands, put together."""

import typer
from typer.main import get_command

from telltale.cli import (
    alarms,
    comparison,
    demo,
    drift,
    drill,
    evaluation,
    events,
    keys,
    labels,
    releases,
    replay,
    report,
    scaffold,
    schedules,
    serving,
    training,
    versions,
)

_app = typer.Typer(
    name="telltale",
    help="The closed loop for machine learning on operational telemetry: train, gate, release, serve, retrain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_app.command()(demo.demo)
_app.command()(drill.drill)
_app.command()(serving.up)
_app.command()(serving.serve)
_app.command()(serving.work)
_app.command()(events.simulate)
_app.command()(events.collect)
_app.command()(events.validate)
_app.command()(events.ingest)
_app.command("export")(events.export)
_app.command()(labels.feedback)
_app.command()(training.train)
_app.command()(evaluation.evaluate)
_app.command()(evaluation.score)
_app.command("versions")(versions.list_versions)
_app.command()(versions.show)
_app.command()(versions.promote)
_app.command()(versions.rollback)
_app.command()(versions.history)
_app.command()(releases.release)
_app.command()(comparison.compare)
_app.command()(versions.retire)
_app.command()(versions.pin)
_app.command()(scaffold.new)
_app.command()(schedules.jobs)
_app.command()(alarms.alarms)
_app.command()(report.report)
_app.command()(drift.drift)
_app.command()(replay.replay)
_app.add_typer(schedules.app, name="schedule")
_app.add_typer(keys.app, name="keys")
_app.command()(keys.audit)

cli = get_command(_app)
