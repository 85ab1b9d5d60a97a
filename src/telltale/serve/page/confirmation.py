"""The page that asks before anything is moved: what will change, why it is done, and one button."""

from telltale.registry.ledger import former_champions
from telltale.registry.versions import Version
from telltale.serve.edge import Edge
from telltale.serve.http.problems import Problem
from telltale.serve.page.actions import TASK_ACTIONS, Form
from telltale.serve.page.elements import NOTHING, Html, facts, joined, link, tag
from telltale.serve.page.sign_in import problem_part
from telltale.serve.page.states import gate_badge, role_badge
from telltale.serve.page.task_at import TaskAt
from telltale.serve.page.task_versions import targets_table
from telltale.serve.page.viewer import Viewer

_REASON_NEEDED = frozenset({"promote", "rollback", "stop"})


def confirmation(
    edge: Edge, viewer: Viewer, at: TaskAt, verb: str, form: Form, *, problem: Problem | None = None
) -> Html:
    """The page's content.

    Args:
        edge: of the process.
        viewer: whose form it is.
        at: to what it is done.
        verb: of `TASK_ACTIONS`.
        form: what was chosen before, or filled in; `version` where the verb is about one.
        problem: why the try before was refused, or None.

    Raises:
        NotFoundError: there is no such version.
    """
    champion = edge.registry.champion(*at.key)
    version = edge.registry.resolve(*at.key, form.get("version", "")) if "version" in form else None
    told = {"task": at.address, "champion now": _told(champion)}
    if verb == "rollback":
        former = former_champions(edge.registry.history(*at.key))
        told["champion then"] = f"version {former[-1]}, or the newest before it that can serve" if former else "none"
    if version is not None:
        told |= {"version": _told(version), "role": role_badge(version.role), "gate": gate_badge(version.outcome)}
    return joined(
        problem_part(problem) if problem is not None else NOTHING,
        tag("p", _ABOUT[verb]),
        facts(told),
        targets_table(version) if version is not None else NOTHING,
        tag(
            "form",
            viewer.token_field(),
            tag("input", type="hidden", name="version", value=str(version.number)) if version is not None else NOTHING,
            _modes(form) if verb == "release" else NOTHING,
            _override(version) if version is not None else NOTHING,
            tag("label", "Why" if verb in _REASON_NEEDED else "Why (may be left empty)", for_="reason"),
            tag(
                "input", type="text", name="reason", id="reason", value=form.get("reason", ""), maxlength="2000",
                required=verb in _REASON_NEEDED, autocomplete="off",
            ),
            tag(
                "p",
                tag("button", TASK_ACTIONS[verb].button, type="submit"),
                link("Leave it", at.path, class_="button plain"),
                class_="buttons",
            ),
            method="post",
            action=f"{at.path}/{verb}",
            class_="form",
        ),
    )  # fmt: skip


_ABOUT = {
    "promote": "From now on this version decides for everybody; the champion now can be brought back by a roll-back.",
    "rollback": "The champion before decides again, for everybody. A release under way ends.",
    "release": "The version is put beside the champion; telltale work looks at it, takes it further, and takes it back if it is worse.",
    "stop": "A version that runs beside the champion decides nothing any more; a champion that is watched stays champion.",
    "train": "A worker trains a new version, on stored rows where there are enough. The gate decides what becomes of it.",
}


def _told(version: Version | None) -> str:
    return "none" if version is None else f"version {version.number}, {version.estimator}"


def _override(version: Version) -> Html:
    """A box for what the gate refused; nothing where it did not."""
    if version.outcome == "pass":
        return NOTHING
    box = tag("input", type="checkbox", name="override", id="override", value="yes")
    label = tag("label", "Although the gate did not let it pass", for_="override")
    return tag("p", box, " ", label, class_="choice")


def _modes(form: Form) -> Html:
    """The three ways to release, and what each needs to know."""
    chosen = form.get("mode", "shadow")

    def mode(value: str, label: str, *fields: Html) -> Html:
        radio = tag("input", type="radio", name="mode", value=value, id=f"mode-{value}", checked=value == chosen)
        return tag("div", radio, " ", tag("label", label, for_=f"mode-{value}"), *fields, class_="choice")

    return tag(
        "fieldset",
        tag("legend", "How"),
        mode("shadow", "Shadow: it answers the same requests, and decides nothing"),
        mode("ab", "A/B test: it decides for a share of entities", _field(form, "share", "per cent", "50")),
        mode(
            "ramp",
            "Ramp: for more and more entities, and all at last",
            _field(form, "steps", "steps in per cent", "5,25,50,100"),
            _field(form, "every_h", "hours a step", "1"),
        ),
    )


def _field(form: Form, name: str, label: str, value: str) -> Html:
    shown = form.get(name) or value
    return tag(
        "span",
        tag("label", label, for_=name),
        tag(
            "input",
            type="text",
            name=name,
            id=name,
            value=shown,
            inputmode="numeric",
            class_="short",
            autocomplete="off",
        ),
        class_="inline",
    )
