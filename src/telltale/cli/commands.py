"""All commands, put together."""

import typer
from typer.main import get_command

from telltale.cli import (
    alarms,
    demo,
    evaluation,
    events,
    keys,
    labels,
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
_app.command()(versions.retire)
_app.command()(versions.pin)
_app.command()(scaffold.new)
_app.command()(schedules.jobs)
_app.command()(alarms.alarms)
_app.add_typer(schedules.app, name="schedule")
_app.add_typer(keys.app, name="keys")
_app.command()(keys.audit)

cli = get_command(_app)
