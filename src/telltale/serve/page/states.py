"""States and figures as they are shown on every page: each has a word and a mark, never its colour alone."""

from collections.abc import Mapping
from typing import Final

from telltale.contract.verdict import Outcome
from telltale.evaluate.wording import OUTCOME_WORDS
from telltale.monitor.drift.findings import Finding
from telltale.monitor.drift.rule import mean_psi
from telltale.serve.page.elements import DASH, Html, badge, joined, small

_OUTCOMES: Final[Mapping[Outcome, tuple[str, str]]] = {
    "pass": ("good", "✓"),
    "fail": ("bad", "✗"),
    "not_enough_evidence": ("open", "?"),
}
_ROLES: Final[Mapping[str, tuple[str, str]]] = {
    "champion": ("good", "★"),
    "challenger": ("calm", "◐"),
    "shadow": ("calm", "○"),
    "retired": ("open", "−"),
}
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "done": ("good", "✓"),
    "kept": ("good", "✓"),
    "failed": ("bad", "✗"),
    "rolled_back": ("bad", "↶"),
    "skipped": ("open", "−"),
    "stopped": ("open", "■"),
    "overtaken": ("open", "−"),
}
_RUNS: Final = ("calm", "◴")


def gate_badge(outcome: Outcome) -> Html:
    """What the gate said."""
    tone, mark = _OUTCOMES[outcome]
    return badge(OUTCOME_WORDS[outcome].lower(), tone, mark)


def role_badge(role: str) -> Html:
    """What a version does; a dash where it does nothing."""
    return badge(role, *_ROLES[role]) if role in _ROLES else DASH


def state_badge(state: str) -> Html:
    """How a job, a release or a slot of a schedule stands."""
    tone, mark = _STATES.get(state, _RUNS)
    return badge(state.replace("_", " "), tone, mark)


def drift_badge(finding: Finding | None) -> Html:
    """What the newest look at the inputs found."""
    if finding is None:
        return DASH
    psi = mean_psi(finding.drift)
    told = "" if psi is None else f"PSI {psi:.2f}"
    if finding.drifted is None:
        return joined(badge("undecided", "calm", "?"), small(told))
    word = badge("drifted", "bad", "✗") if finding.drifted else badge("none", "good", "✓")
    return joined(word, small(told))


def milliseconds(value: float | None) -> Html:
    """A time of an answer; a dash for none.

    >>> str(milliseconds(0.0834)), str(milliseconds(12.34))
    ('0.083 ms', '12.3 ms')
    """
    if value is None:
        return DASH
    return Html(f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms")
