"""`telltale compare`: which of two versions is better on live traffic."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from telltale.cli.console import AsJson, facts, next_step, out, print_json, table
from telltale.cli.training import Task
from telltale.contract.errors import UsageError
from telltale.home import Home, open_home
from telltale.home.apps import find_task
from telltale.monitor.shadow_log import ShadowReport
from telltale.registry.releases import Releases
from telltale.retrain.release.side_by_side import SideBySide, side_by_side

_CONCLUSIONS = {
    "A": "A is better",
    "B": "B is better",
    "no_difference": "no difference that matters",
    "keep_going": "not known yet",
    "refused": "too early",
}


def compare(
    task: Task,
    version: Annotated[list[str] | None, typer.Option("--version", help="Twice: A, then B.")] = None,
    as_json: AsJson = False,
) -> int:
    """Say which of two versions is better on live traffic; without versions, of the last release."""
    now = datetime.now(UTC)
    with open_home() as home:
        app, found = find_task(home.apps, task)
        a, b = _pair(home, app.name, found.name, version or [])
        releases = Releases(home.folder.state, home.folder.artifacts)
        compared = side_by_side(home.folder.events, releases, app, found, a=a, b=b, now=now)
    if as_json:
        print_json({"compared": compared})
        return 0
    _print_compared(compared)
    conclusion = None if compared.comparison.answer is None else compared.comparison.answer.conclusion
    better = {"A": compared.comparison.a, "B": compared.comparison.b}.get(conclusion or "")
    if better is None:
        next_step(f"telltale release {task} says what is under way")
    else:
        next_step(f"telltale promote {task} --version {better}, where it is not champion")
    return 0


def _print_compared(compared: SideBySide) -> None:
    comparison, answer = compared.comparison, compared.comparison.answer
    facts(
        {
            "A": f"version {comparison.a}",
            "B": f"version {comparison.b}",
            "answer": "not compared" if answer is None else _CONCLUSIONS[answer.conclusion],
            "why": comparison.reason if answer is None else answer.reason,
        }
    )
    rows = [_row(shadow) for shadow in compared.shadows if shadow.n]
    if rows:
        columns = (
            "in the shadow",
            "requests",
            "failed",
            "agreement",
            "score shift",
            "mean",
            "p99",
            "decided mean",
            "p99 ",
        )
        out.print(table("", columns, rows, right=columns[1:]))


def _row(shadow: ShadowReport) -> tuple[str, ...]:
    def ms(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f} ms"

    return (
        f"version {shadow.version}",
        f"{shadow.n:,}",
        f"{shadow.n_failed:,}",
        "-" if shadow.agreement is None else f"{shadow.agreement:.2%}",
        "-" if shadow.score_shift is None else f"{shadow.score_shift:+.4g}",
        *(ms(value) for value in (shadow.mean_ms, shadow.p99_ms, shadow.decided_mean_ms, shadow.decided_p99_ms)),
    )


def _pair(home: Home, app: str, task: str, versions: list[str]) -> tuple[int, int]:
    """A and B: as given; the champion where B is not; those of the last release where neither is."""
    if len(versions) > 2:
        raise UsageError(f"{len(versions)} versions", where=f"{app}/{task}", mend="Give two: --version A --version B.")
    numbers = [home.registry.resolve(app, task, one).number for one in versions]
    if not numbers:
        last = Releases(home.folder.state, home.folder.artifacts).all(app=app, task=task, limit=1)
        if not last:
            raise UsageError(
                "no version was ever released beside the champion",
                where=f"{app}/{task}",
                mend="Name two that answered the same requests: --version A --version B.",
            )
        return last[0].number, last[0].against
    if len(numbers) == 1:
        numbers.append(home.registry.resolve(app, task, "champion").number)
    if numbers[0] == numbers[1]:
        raise UsageError(f"version {numbers[0]} twice", where=f"{app}/{task}", mend="Name two.")
    return numbers[0], numbers[1]
