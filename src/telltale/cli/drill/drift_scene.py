"""A stream that drifts: one alarm, a retraining that it asks for, and a new champion that knows the new rows."""

from datetime import timedelta
from typing import Final

import polars as pl

from telltale.cli.drill.scene import Scene, Seen, Tell, after
from telltale.cli.drill.stage import LOOK, Stage
from telltale.cli.drill.town import slower
from telltale.monitor.alarms import Alarm, read_alarms

_SLOWER: Final = 1.25
_NAME: Final = "drift"
# A version of the new rows alone must have seen nights and weekends: it is trained once there are so many.
N_SERVICES: Final = 8
N_ROWS: Final = 14 * 72 * N_SERVICES
_LONGEST: Final = timedelta(days=18)
_LATER: Final = timedelta(hours=4)  # between looks, once the alarm is raised


def drifting_stream(stage: Stage, live: pl.DataFrame, tell: Tell) -> Scene:
    """Every service grows by a quarter, traffic and latencies alike.

    Args:
        stage: with a champion, and no release under way.
        live: labelled rows from now on, as they would have been.
        tell: given lines for people.
    """
    former, before = stage.champion, len(_alarms(stage))
    began, raised, retrained = stage.now, None, None
    tell(
        f"From now on everything is {_SLOWER:g} times as much. Version {former} decides; {N_ROWS:,} rows are enough to retrain."
    )
    drifted = live.pipe(slower(_SLOWER)).filter(pl.col("service") < f"service-{N_SERVICES:02}")
    while stage.now - began < _LONGEST:
        stage.play(drifted, span=LOOK if raised is None else _LATER, stores=True)
        alarms = _alarms(stage)[: len(_alarms(stage)) - before]
        if raised is None and alarms:
            raised = stage.now - began
            tell(f"{after(raised)}: alarm {_NAME}: {alarms[0].what}")
        for done in stage.run_jobs():
            tell(f"{after(stage.now - began)}: retrained: {done.reason}")
        if retrained is None and stage.champion != former:
            retrained = stage.now - began
            tell(f"{after(retrained)}: version {stage.champion} decides.")
        if retrained is not None and all(alarm.resolved_at for alarm in _alarms(stage)):
            break
    alarms = _alarms(stage)[: len(_alarms(stage)) - before]
    stage.refresh()
    last = "none" if not alarms else "lasts" if alarms[0].resolved_at is None else "is over"
    return Scene(
        name="drifting_stream",
        title="A drifting stream raises one alarm, and is learned",
        seen=(
            Seen(what="one alarm was raised", holds=len(alarms) == 1, found=f"{len(alarms)}"),
            Seen(what="a new version was trained and promoted", holds=retrained is not None, found=_state(stage)),
            Seen(what="it answers", holds=stage.serving == stage.champion, found=f"version {stage.serving}"),
            Seen(what="the alarm is over", holds=last == "is over", found=last),
        ),
        figures={
            "version": stage.champion,
            "alarm_delay_hours": None if raised is None else raised / timedelta(hours=1),
            "champion_delay_hours": None if retrained is None else retrained / timedelta(hours=1),
        },
    )


def _alarms(stage: Stage) -> list[Alarm]:
    return [alarm for alarm in read_alarms(stage.home.folder.state) if alarm.name == _NAME]


def _state(stage: Stage) -> str:
    return f"version {stage.champion} is champion"
