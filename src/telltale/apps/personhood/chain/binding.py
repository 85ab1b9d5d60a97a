"""Where patterns wait on a chain, and which call carries a score back: what the relay asks of a binding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from telltale.apps.personhood.chain.codec import Pattern, Score
from telltale.apps.personhood.chain.node import Head, Node, Outcome


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that claim to be a pattern and are none."""

    did: bytes
    data: bytes
    fault: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of the runtime, with its parameters by name."""

    module: str
    name: str
    parameters: Mapping[str, object]


class Binding(Protocol):
    """One way in which patterns and scores stand on a chain: in blocks, each of which is read, or in storage as it is now."""

    @property
    def reads_blocks(self) -> bool:
        """Whether each block must be read."""
        ...

    def in_block(self, extrinsic: bytes, outcome: Outcome) -> list[Pattern | Malformed | tuple[bytes, Score]]:
        """What an extrinsic of a block brought: patterns, and scores with the 32 bytes of who signed."""
        ...

    def pending(self, node: Node, head: Head) -> list[Pattern | Malformed]:
        """What waits in storage as of a block. Raises UsageError where the runtime has no such storage."""
        ...

    def call(self, score: Score) -> Call:
        """The call that carries a score."""
        ...
