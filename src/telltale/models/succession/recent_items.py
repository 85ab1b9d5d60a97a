"""The store that training imagines: the items used most recently, those fetched ahead of time among them."""

from collections import OrderedDict
from typing import final


@final
class RecentItems:
    """At most `size` items; the least recently used leaves. What training foretells is fetched into it.

    A gate that learned with no store at all would take frequent items for worth fetching, which every store has.
    """

    __slots__ = ("_size", "items")

    def __init__(self, size: int) -> None:
        self.items: OrderedDict[str, None] = OrderedDict()
        self._size = size

    def use(self, item: str) -> None:
        """It was asked for, or fetched ahead of time: it is the most recent."""
        if item in self.items:
            self.items.move_to_end(item)
            return
        if len(self.items) >= self._size:
            self.items.popitem(last=False)
        self.items[item] = None
