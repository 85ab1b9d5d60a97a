"""Where messages of alarms go: the log always, a webhook and an Alertmanager where they are named."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog

from telltale.monitor.alarm.messages import Message, Sink
from telltale.monitor.alarm.post import post_json
from telltale.telemetry.remote import checked_address

SIGNATURE: Final = "X-Telltale-Signature"
# An Alertmanager takes for over what nobody repeats. A worker that is started anew within these minutes ends no alert.
_REPEAT_S: Final = 240.0
_LASTS_FOR: Final = timedelta(minutes=15)

_logger = structlog.get_logger("telltale.monitor.alarm")


def alarm_sinks(*, webhook_url: str = "", webhook_secret: str = "", alertmanager_url: str = "") -> tuple[Sink, ...]:
    """The log, and what is named.

    Args:
        webhook_url: sent each message as JSON; "" for none.
        webhook_secret: signs them; "" to send them unsigned.
        alertmanager_url: its address without `/api/v2/alerts`; "" for none.

    Raises:
        UsageError: an address is none.
    """
    sinks = [LOG]
    if webhook_url:
        sinks.append(webhook(webhook_url, secret=webhook_secret))
    if alertmanager_url:
        sinks.append(alertmanager(alertmanager_url))
    return tuple(sinks)


def webhook(url: str, *, secret: str = "") -> Sink:
    """POSTs each message as JSON.

    With a secret the header `X-Telltale-Signature` is `sha256=` and the HMAC-SHA256 of the body in hex. `sent_at` in the
    body is signed with it: a receiver that refuses what is older than a few minutes cannot be told an old message anew.
    """
    checked_address(url, where="ALARM_WEBHOOK_URL", use="send to")

    def send(message: Message) -> None:
        body = msgspec.json.encode(message)
        post_json(url, body, {SIGNATURE: sign(body, secret)} if secret else {})

    return Sink(name="webhook", send=send)


def sign(body: bytes, secret: str) -> str:
    """The signature of a body.

    >>> sign(b"{}", "key")
    'sha256=a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032'
    """
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def alertmanager(url: str) -> Sink:
    """POSTs each alarm to Alertmanager's API v2; while it lasts again every few minutes."""
    checked_address(url, where="ALERTMANAGER_URL", use="send to")
    address = url.rstrip("/") + "/api/v2/alerts"

    def send(message: Message) -> None:
        post_json(address, msgspec.json.encode([_alert(message)]), {})

    return Sink(name="alertmanager", send=send, repeat_s=_REPEAT_S)


def _alert(message: Message) -> dict[str, Any]:
    alarm = message.alarm
    # What tells alerts apart must stay the same from raised to resolved: nothing that changes is a label.
    labels = {"alertname": alarm.name, "app": alarm.app, "task": alarm.task, "severity": alarm.severity}
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {"summary": alarm.what, "description": alarm.mend, "runbook": alarm.runbook},
        "startsAt": alarm.raised_at,
        "endsAt": alarm.resolved_at or message.sent_at + _LASTS_FOR,
    }


def _log(message: Message) -> None:
    alarm = message.alarm
    whose = {"alarm": alarm.name, "app": alarm.app, "task": alarm.task, "id": alarm.id}
    if message.change == "resolved":
        _logger.info("alarm_resolved", **whose)
    else:
        _logger.error("alarm_raised", **whose, what=alarm.what, mend=alarm.mend, runbook=alarm.runbook)


LOG: Final = Sink(name="log", send=_log)
