"""Choices as classes on the console, as Rich renderables; the caller prints them."""

from typing import TYPE_CHECKING

from telltale.evaluate.choice_classes import ChoiceClasses
from telltale.evaluate.wording import NO_FIGURE

if TYPE_CHECKING:
    from rich.table import Table


def classes_table(classes: ChoiceClasses, *, scenario: str = "") -> "Table":
    """The confusion matrix and each class's precision, recall and F1; choices that never came into it are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    counts = classes.confusion_matrix
    told = [at for at in range(len(counts)) if any(counts[at]) or any(row[at] for row in counts)]
    table = Table(
        title=f"Cheapest and taken{f' at {scenario}' if scenario else ''}, where the runner-up costs 5 % more",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("cheapest")
    for name in (*(classes.names[at] for at in told), "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for at in told:
        own = classes.per_class[classes.names[at]]
        table.add_row(
            classes.names[at],
            *(f"{counts[at][other]:,}" for other in told),
            *(NO_FIGURE if value is None else f"{value:.2f}" for value in (own.precision, own.recall, own.f1)),
        )
    return table
