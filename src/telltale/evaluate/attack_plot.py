"""What attackers achieve, as a picture: the share of their attempts that is accepted, attack by attack."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from telltale.contract.attack import Attack
from telltale.contract.verdict import Measured
from telltale.evaluate.figures import (
    ANOMALOUS,
    INK,
    NORMAL,
    QUIET,
    label_axes,
    new_figure,
    save,
    show_legend,
    show_shares,
)

ATTACK: Final = "attack_"
OWN: Final = "_own"
ATTACKS_PLOT: Final = "attacks.png"


def write_attack_plot(
    directory: Path, *, metrics: Mapping[str, Measured], attacks: Sequence[Attack]
) -> dict[str, Path]:
    """Draw the share accepted of each attack with its interval, the paths by file name; nothing where none was tried.

    Args:
        directory: made where it is missing.
        metrics: `attack_<name>`, and `attack_<name>_own` where a profile learned what was accepted.
        attacks: for their titles, top to bottom.
    """
    rows: list[tuple[str, str, Measured, str]] = []
    for attack in attacks:
        name = attack.name.replace("_", " ")
        if (found := metrics.get(f"{ATTACK}{attack.name}")) is not None:
            rows.append((name, attack.title, found, ANOMALOUS))
        if (own := metrics.get(f"{ATTACK}{attack.name}{OWN}")) is not None:
            rows.append(("", "The person's own sessions, once all that was learned.", own, NORMAL))
    if not rows:
        return {}
    directory.mkdir(parents=True, exist_ok=True)
    figure, axes = new_figure("What attackers achieve", height=1.6 + 0.6 * len(rows))
    for place, (_, title, found, colour) in enumerate(rows):
        axes.plot((found.low, found.high), (place, place), color=colour, linewidth=5, alpha=0.35)
        axes.plot((found.value,), (place,), marker="o", markersize=7, linestyle="none", color=colour)
        axes.text(0.0, place - 0.3, title, fontsize=7, color=QUIET, va="center")
        axes.text(1.03, place, f"{found.value:.0%}", fontsize=9, color=INK, va="center")
    axes.plot((), (), marker="o", linestyle="none", color=ANOMALOUS, label="attempts accepted")
    if any(colour == NORMAL for *_, colour in rows):
        axes.plot((), (), marker="o", linestyle="none", color=NORMAL, label="the person's own accepted")
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.7)
    show_shares(axes, which="x")
    label_axes(axes, x="share accepted, with its 95 % interval", y="")
    show_legend(axes, below=True)
    return {ATTACKS_PLOT: save(figure, directory / ATTACKS_PLOT)}
