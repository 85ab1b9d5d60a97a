"""All commands, put together."""

from functools import cache

import typer
from typer.core import TyperGroup
from typer.main import get_command

from telltale.cli import (
    alarms,
    backing_up,
    collecting,
    comparison,
    configuration,
    consuming,
    demo,
    drift,
    drill,
    enrolling,
    evaluation,
    events,
    forget,
    ingesting,
    keys,
    labels,
    learned,
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
_app.command("collect")(collecting.collect_command(()))
_app.command()(events.validate)
_app.command()(ingesting.ingest)
_app.command()(consuming.consume)
_app.command("export")(events.export)
_app.command()(labels.feedback)
_app.command()(enrolling.enrol)
_app.command()(training.train)
_app.command()(evaluation.evaluate)
_app.command()(evaluation.score)
_app.command("versions")(versions.list_versions)
_app.command()(versions.show)
_app.command()(versions.promote)
_app.command()(versions.rollback)
_app.command()(versions.history)
_app.command()(learned.learned)
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
_app.command("settings")(configuration.show_settings)
_app.command()(forget.forget)
_app.command()(backing_up.backup)
_app.command()(backing_up.restore)


def _group() -> TyperGroup:
    made = get_command(_app)
    assert isinstance(made, TyperGroup), "several commands make a group"
    return made


cli = _group()


def command_line(verb: str) -> TyperGroup:
    """All commands, and those of apps where `verb` is none of ours: to know them every app must be imported."""
    if verb == "collect":
        return _with_source_options()
    return cli if verb in cli.commands else _with_app_commands()


@cache
def _with_source_options() -> TyperGroup:
    """All commands, `collect` with the options of every app's sources."""
    from telltale.home.apps import installed_apps

    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command("collect")(collecting.collect_command(installed_apps().values()))
    made = _group()
    made.commands["collect"] = get_command(alone)
    return made


@cache
def _with_app_commands() -> TyperGroup:
    from telltale.cli.app_commands import add_app_commands
    from telltale.home.apps import installed_apps

    add_app_commands(_app, installed_apps().values())
    return _group()
