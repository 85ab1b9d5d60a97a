"""Names for predictions that no two processes can share."""

import os
import secrets
from collections.abc import Callable, Iterator
from itertools import count

_PREFIX_BYTES = 8  # 2**64 prefixes: a billion processes collide with a chance of 3 %


def prediction_ids() -> Callable[[], str]:
    """A function that returns a new id at each call, safe in threads and after a fork.

    Ids of one process sort by age, so that rows are appended to the end of the table's index.

    >>> new_id = prediction_ids()
    >>> first, second = new_id(), new_id()
    >>> first < second, len(first)
    (True, 25)
    """
    prefix = ""
    numbers: Iterator[int] = iter(())

    def begin() -> None:
        nonlocal prefix, numbers
        prefix, numbers = secrets.token_hex(_PREFIX_BYTES), count()

    begin()
    # A child would otherwise go on with its parent's prefix and numbers.
    os.register_at_fork(after_in_child=begin)

    def new_id() -> str:
        return f"{prefix}-{next(numbers):08x}"

    return new_id
