"""What a task of kind "verify" compares: acts in a row, of which only the kind and the timing are known."""

import msgspec
import numpy as np
from numpy.typing import NDArray


class TimedSequence(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Acts in the order in which they began.

    Args:
        kinds: shape (n,), uint8, below 16: what kind of act each was.
        lasted_ms: shape (n,), float32, >= 0: how long each lasted (a key: release less press).
        since_ms: shape (n,), float32, >= 0: how long after the one before it each began (press less press); the first 0.
    """

    kinds: NDArray[np.uint8]
    lasted_ms: NDArray[np.float32]
    since_ms: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.kinds)
