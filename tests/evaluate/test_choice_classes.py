import numpy as np
from rich.console import Console

from telltale.evaluate.choice_classes import choice_classes
from telltale.evaluate.choice_tables import classes_table

COSTS = np.array([[1.0, 2.0, 9.0], [1.0, 3.0, 9.0], [1.0, 1.01, 9.0], [4.0, 1.0, 9.0], [4.0, 1.0, 9.0]])
CHOSEN = np.array([0, 1, 1, 1, 0])
NAMES = ("short", "long", "never")


def test_classes_are_counted_where_the_runner_up_costs_clearly_more() -> None:
    found = choice_classes(COSTS, CHOSEN, names=NAMES)

    assert found.confusion_matrix == ((1, 1, 0), (1, 1, 0), (0, 0, 0))
    short, never = found.per_class["short"], found.per_class["never"]
    assert (short.precision, short.recall, short.f1, short.n) == (0.5, 0.5, 0.5, 2)
    assert (never.precision, never.recall, never.f1, never.n) == (None, None, None, 0)


def test_the_table_leaves_out_what_never_came_into_it() -> None:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as told:
        console.print(classes_table(choice_classes(COSTS, CHOSEN, names=NAMES), scenario="500MBs"))

    assert "500MBs" in told.get()
    assert "short" in told.get()
    assert "never" not in told.get()
