"""Which block leaves a full cache: FIFO, LRU, SIEVE and S3-FIFO, in plain Python, and fast enough for traces.

Every policy has the same two calls: `touch` an item that is asked for, which says whether it was there, and `admit` one that
was fetched because it was asked for, or ahead of time. All items are of one size. Hit ratios
are those of libCacheSim, to the last access.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol, final


class CachePolicy(Protocol):
    """A cache of a fixed number of items."""

    @property
    def members(self) -> Collection[str]:
        """What is there; asking moves nothing."""
        ...

    def touch(self, item: str) -> bool:
        """It is asked for: whether it is there."""
        ...

    def admit(self, item: str) -> None:
        """It was fetched, and is not there: keep it, and let another go where the cache is full."""
        ...


@final
class Fifo:
    """First in, first out: what was admitted first leaves first."""

    __slots__ = ("_size", "members")

    def __init__(self, size: int) -> None:
        self.members: OrderedDict[str, None] = OrderedDict()
        self._size = size

    def touch(self, item: str) -> bool:
        """Nothing moves."""
        return item in self.members

    def admit(self, item: str) -> None:
        """The newest."""
        if len(self.members) >= self._size:
            self.members.popitem(last=False)
        self.members[item] = None


@final
class Lru:
    """Least recently used: what was asked for, or admitted, longest ago leaves first."""

    __slots__ = ("_size", "members")

    def __init__(self, size: int) -> None:
        self.members: OrderedDict[str, None] = OrderedDict()
        self._size = size

    def touch(self, item: str) -> bool:
        """It becomes the most recent."""
        if item in self.members:
            self.members.move_to_end(item)
            return True
        return False

    def admit(self, item: str) -> None:
        """The most recent."""
        if len(self.members) >= self._size:
            self.members.popitem(last=False)
        self.members[item] = None


@final
class Sieve:
    """SIEVE: a hand goes from the oldest to the newest, passes over what was asked for since, and takes the first other.

    References:
        Zhang, Yang, Yue, Vigfusson & Rashmi, "SIEVE is simpler than LRU", NSDI 2024.
    """

    __slots__ = ("_hand", "_head", "_items", "_newer", "_older", "_size", "_tail", "_visited", "members")

    def __init__(self, size: int) -> None:
        self.members: dict[str, int] = {}  # the place of each in the lists below
        self._size = size
        self._items: list[str] = []
        self._newer: list[int] = []  # the place of the next newer, -1 where there is none
        self._older: list[int] = []
        self._visited = bytearray()
        self._head = self._tail = self._hand = -1

    def touch(self, item: str) -> bool:
        """It is marked; nothing moves."""
        place = self.members.get(item)
        if place is None:
            return False
        self._visited[place] = 1
        return True

    def admit(self, item: str) -> None:
        """The newest, in a new place or in that of the one that leaves."""
        if len(self.members) >= self._size:
            place = self._evict()
            self._items[place] = item
        else:
            place = len(self._items)
            self._items.append(item)
            self._newer.append(-1)
            self._older.append(-1)
            self._visited.append(0)
        self.members[item] = place
        head = self._head
        self._newer[place], self._older[place] = -1, head
        if head >= 0:
            self._newer[head] = place
        else:
            self._tail = place
        self._head = place

    def _evict(self) -> int:
        visited, newer, older = self._visited, self._newer, self._older
        place = self._hand if self._hand >= 0 else self._tail
        while visited[place]:
            visited[place] = 0
            place = newer[place]
            if place < 0:
                place = self._tail
        after, before = newer[place], older[place]
        self._hand = after
        if after >= 0:
            older[after] = before
        else:
            self._head = before
        if before >= 0:
            newer[before] = after
        else:
            self._tail = after
        del self.members[self._items[place]]
        return place


@final
class S3Fifo:
    """S3-FIFO: a small queue that most leave unasked for, a main one that gives second chances, a ghost of names alone.

    What is asked for twice in the small queue moves to the main one, and so does what comes back while its name is in the
    ghost. The small queue has the share `small` of the places, and one at least.

    References:
        Yang, Zhang, Qiu, Yue & Vigfusson, "FIFO queues are all you need for cache eviction", SOSP 2023.
    """

    __slots__ = (
        "_ghost",
        "_ghost_size",
        "_has_evicted",
        "_main",
        "_main_size",
        "_size",
        "_small",
        "_small_size",
        "members",
    )

    def __init__(self, size: int, *, small: float = 0.1) -> None:
        self.members: dict[str, int] = {}  # how often each was asked for since it came to its queue
        self._size = size
        self._small_size = max(1, int(size * small))
        self._main_size = size - self._small_size
        self._ghost_size = int(size * _GHOST)
        self._small: deque[str] = deque()
        self._main: deque[str] = deque()
        self._ghost: OrderedDict[str, None] = OrderedDict()
        self._has_evicted = False

    def touch(self, item: str) -> bool:
        """It is counted; nothing moves."""
        if item in self.members:
            self.members[item] += 1
            return True
        return False

    def admit(self, item: str) -> None:
        """To the small queue, or to the main one where it was known of late."""
        is_known = item in self._ghost
        if is_known:
            del self._ghost[item]
        if len(self.members) >= self._size:
            self._evict()
        if is_known or (not self._has_evicted and len(self._small) >= self._small_size):
            self._main.append(item)
        else:
            self._small.append(item)
        self.members[item] = 0

    def _evict(self) -> None:
        self._has_evicted = True
        members, small, main = self.members, self._small, self._main
        if len(main) <= self._main_size:
            while small:
                item = small.popleft()
                if members[item] >= _PROMOTED:
                    members[item] = 0
                    main.append(item)
                    continue
                del members[item]
                self._ghost[item] = None
                if len(self._ghost) > self._ghost_size:
                    self._ghost.popitem(last=False)
                return
        while True:
            item = main.popleft()
            count = members[item]
            if not count:
                del members[item]
                return
            members[item] = min(count, _MOST) - 1
            main.append(item)


# As the paper and libCacheSim have them: names in the ghost by place of the cache, and the counts.
_GHOST: Final = 0.9
_PROMOTED, _MOST = 2, 3
# What is fetched ahead passes through the small queue too, and must not leave it before its time. Set on the first halves of
# three block traces.
_SMALL_WITH_PREFETCH, _LEAST_SMALL, _MOST_SMALL = 0.25, 64, 0.9


def prefetch_cache(size: int) -> S3Fifo:
    """The cache for prefetching into: S3-FIFO with a small queue of a quarter of the places, and of 64 where it can."""
    return S3Fifo(size, small=max(_SMALL_WITH_PREFETCH, min(_MOST_SMALL, _LEAST_SMALL / size)))


POLICIES: Final[Mapping[str, Callable[[int], CachePolicy]]] = {
    "fifo": Fifo,
    "lru": Lru,
    "sieve": Sieve,
    "s3fifo": S3Fifo,
}
