"""Steps as tokens for a network: the difference of two addresses, or the name of an item that is none."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from telltale.models.succession.addresses import address_of

OTHER: Final = 0  # the token of all that is not in the vocabulary, and of before the first step
# Before a name, so that no name can be taken for a difference.
_NAME: Final = "="


def step_between(address: int | None, item: str) -> tuple[str, int | None]:
    """What a step from an address (or None) to an item is called, and the item's address.

    >>> step_between(10, "13"), step_between(10, "ab"), step_between(None, "13")
    (('+3', 13), ('=ab', None), ('=13', 13))
    """
    to = address_of(item)
    if to is None or address is None:
        return _NAME + item, to
    return f"{to - address:+d}", to


def item_after(address: int | None, step: str) -> str | None:
    """The item that a step leads to, or None where it leads nowhere from here.

    >>> item_after(10, "+3"), item_after(10, "=ab"), item_after(None, "+3"), item_after(2, "-3")
    ('13', 'ab', None, None)
    """
    if step.startswith(_NAME):
        return step[len(_NAME) :]
    if address is None or address + int(step) < 0:
        return None
    return str(address + int(step))


def steps_of(items: Iterable[str]) -> list[str]:
    """The steps through items, one per item."""
    found, address = [], None
    for item in items:
        step, to = step_between(address, item)
        address = address if to is None else to
        found.append(step)
    return found


def vocabulary_of(sequences: Sequence[Sequence[str]], *, most: int) -> tuple[str, ...]:
    """The steps that are most frequent, at most so many, the most frequent first; of equals the first in order of names."""
    counts = Counter(step for steps in sequences for step in steps)
    return tuple(sorted(counts, key=lambda step: (-counts[step], step))[:most])
