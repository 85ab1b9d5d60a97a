"""What can be done on a page: which path of the API each form is sent to, and what of the form becomes its body."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from telltale.contract.errors import UsageError

Form = Mapping[str, str]
Body = dict[str, Any]
Subject = Literal["task", "schedule", "reports"]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be done.

    Args:
        of: what it is done to.
        title: of the page that asks whether to; "" where a button does it at once.
        button: that does it.
        api: the path of the API, with `app` and `name` in braces.
        body: the API's body from the form, the app and the name of what it is about. Raises UsageError.
        done: what is told once it was done.
    """

    of: Subject
    title: str
    button: str
    api: str
    body: Callable[[Form, str, str], Body | None]
    done: str


def _version(form: Form) -> str:
    return form.get("version", "").strip()


def _reason(form: Form) -> str:
    return form.get("reason", "").strip()


def _why(form: Form, _app: str, _name: str) -> Body:
    return {"reason": _reason(form)}


def _training(form: Form, app: str, name: str) -> Body:
    return {"app": app, "task": name, **({"reason": _reason(form)} if _reason(form) else {})}


def _promotion(form: Form, _app: str, _name: str) -> Body:
    return {"version": _version(form), "reason": _reason(form), "override": "override" in form}


def _release(form: Form, _app: str, _name: str) -> Body:
    """The steps of what was chosen; a ramp has its own, and how long each lasts."""
    chosen = form.get("mode", "")
    told: Body = {"version": _version(form), "reason": _reason(form), "override": "override" in form}
    if chosen == "shadow":
        return told | {"steps": [0]}
    if chosen == "ab":
        return told | {"steps": [_number(form, "share")]}
    if chosen == "ramp":
        steps = [_whole(part, "steps") for part in form.get("steps", "").split(",")]
        return told | {"steps": steps, "every_s": 3_600.0 * _number(form, "every_h")}
    raise UsageError.not_one_of(chosen, ("shadow", "ab", "ramp"), where="mode")


def _number(form: Form, name: str) -> int:
    return _whole(form.get(name, ""), name)


def _whole(text: str, name: str) -> int:
    if not text.strip().isdecimal():
        raise UsageError(f"{text.strip()[:40]!r} is no whole number", where=name, mend="Give digits alone, as in 25.")
    return int(text.strip()[:9])


def _nothing(_form: Form, _app: str, _name: str) -> None:
    return None


TASK_ACTIONS: Final[Mapping[str, Action]] = {
    "promote": Action(
        of="task", title="Promote version {version}", button="Promote it", api="/v1/versions/{app}/{name}/promote",
        body=_promotion, done="It was promoted, and answers from now on.",
    ),
    "rollback": Action(
        of="task", title="Roll back", button="Roll back", api="/v1/versions/{app}/{name}/rollback",
        body=_why, done="The champion before answers again.",
    ),
    "release": Action(
        of="task", title="Release version {version}", button="Begin", api="/v1/releases/{app}/{name}",
        body=_release, done="The release began.",
    ),
    "stop": Action(
        of="task", title="End the release", button="End it", api="/v1/releases/{app}/{name}/stop",
        body=_why, done="The release was ended.",
    ),
    "train": Action(
        of="task", title="Train now", button="Train", api="/v1/jobs",
        body=_training, done="It was asked for; the next worker (telltale work) does it.",
    ),
}  # fmt: skip
SCHEDULE_ACTIONS: Final[Mapping[str, Action]] = {
    name: Action(
        of="schedule",
        title="",
        button=name.capitalize(),
        api=f"/v1/schedules/{{app}}/{{name}}/{name}",
        body=_nothing,
        done=done,
    )
    for name, done in (
        ("pause", "The schedule is paused."),
        ("resume", "The schedule goes on."),
        ("run", "It was asked for; the next worker (telltale work) does it."),
    )
}
MAKE_REPORT: Final = Action(
    of="reports",
    title="",
    button="",
    api="/v1/reports",
    body=lambda _form, _app, _name: {},
    done="The report was made.",
)
# By the word in the address of the page that is shown after it: nothing from outside is ever told as done.
DONE: Final[Mapping[str, str]] = {
    **{name: action.done for name, action in (*TASK_ACTIONS.items(), *SCHEDULE_ACTIONS.items())},
    "report": MAKE_REPORT.done,
    "in": "You are signed in.",
}
