"""The duties of a worker, a line each. What a duty is, `duties.py` says."""

from typing import Final

from telltale.monitor.presence import EVERY_S as PRESENCE_EVERY_S
from telltale.retrain.alarm_duties import deliver_alarms, show_presence, watch_days, watch_service
from telltale.retrain.drift_duties import check_drift, replay_sample, summarise_predictions
from telltale.retrain.duties import Duty
from telltale.retrain.learning import EVERY_S as LEARNING_EVERY_S
from telltale.retrain.learning import learn
from telltale.retrain.release.controller import EVERY_S, control_releases
from telltale.retrain.streams import EVERY_S as STREAMS_EVERY_S
from telltale.retrain.streams import follow_streams
from telltale.retrain.triggers import ask_for_retraining
from telltale.retrain.weekly_report import report_weekly

DUTIES: Final[tuple[Duty, ...]] = (
    Duty(name="releases", every_s=EVERY_S, do=control_releases, is_urgent=True),
    Duty(name="presence", every_s=PRESENCE_EVERY_S, do=show_presence, is_urgent=True),
    Duty(name="service", every_s=10.0, do=watch_service),
    Duty(name="quality_and_streams", every_s=300.0, do=watch_days),
    Duty(name="alarm_messages", every_s=5.0, do=deliver_alarms, is_urgent=True),
    Duty(name="drift_windows", every_s=900.0, do=summarise_predictions),
    Duty(name="drift", every_s=3_600.0, do=check_drift),
    Duty(name="replay", every_s=3_600.0, do=replay_sample),
    Duty(name="retraining", every_s=60.0, do=ask_for_retraining),
    Duty(name="learning", every_s=LEARNING_EVERY_S, do=learn, is_urgent=True),
    Duty(name="streams", every_s=STREAMS_EVERY_S, do=follow_streams),
    Duty(name="weekly_report", every_s=3_600.0, do=report_weekly),
)
