"""What somebody may try against a task of kind "verify"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from telltale.contract.sequence import TimedSequence

# What the attacker knows of the victim's own sequences, a generator, how many to make -> sequences, in order.
Attempts = Callable[[Sequence[TimedSequence], np.random.Generator, int], Sequence[TimedSequence]]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way to pass for somebody.

    Args:
        name: as in reports, "replay_jitter".
        title: one line for people: who does what, knowing what.
        make: attempts, in the order in which they are made.
        knows: which of the victim's sequences `make` is given: those enrolled, or others, as if overheard.
        is_learned: each attempt that is accepted is taken into the victim's profile, as if it were confirmed. What counts
            then is how many of the last quarter of the attempts are accepted, and of the victim's own afterwards.
    """

    name: str
    title: str
    make: Attempts
    knows: Literal["enrolled", "others"] = "others"
    is_learned: bool = False
