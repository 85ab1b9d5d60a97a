"""Patterns and scores as `System.remark_with_event`, which every FRAME chain has: no pallet is needed, and none checks.

Whoever pays the fee may leave a pattern; whoever reads scores must look at who signed them.
"""

from typing import Final, final

from telltale.apps.personhood.chain.binding import Call, Malformed
from telltale.apps.personhood.chain.codec import (
    DID_BYTES,
    FIELDS,
    PATTERN_MARK,
    SCORE_MARK,
    Field,
    Pattern,
    Score,
    blake2_256,
    marked_texts,
    read_pattern,
    read_score,
    score_remark,
)
from telltale.apps.personhood.chain.node import Head, Node, Outcome
from telltale.contract.errors import SchemaError


@final
class RemarkBinding:
    """Patterns and scores in the remarks of blocks.

    Args:
        fields: the numbers of a pattern, in the order in which they are written.
    """

    reads_blocks: Final = True

    def __init__(self, fields: tuple[Field, ...] = FIELDS) -> None:
        self._fields = fields

    def in_block(self, extrinsic: bytes, outcome: Outcome) -> list[Pattern | Malformed | tuple[bytes, Score]]:
        """What its remarks say, by the events that say that they were made, and by whom."""
        texts = {blake2_256(text): text for text in marked_texts(extrinsic)}
        found: list[Pattern | Malformed | tuple[bytes, Score]] = []
        for sender, remark_hash in outcome.remarks:
            text = texts.get(remark_hash, b"")
            if text.startswith(PATTERN_MARK):
                found.append(self._pattern(text))
            elif text.startswith(SCORE_MARK) and (score := read_score(text)) is not None:
                found.append((sender, score))
        return found

    def pending(self, node: Node, head: Head) -> list[Pattern | Malformed]:  # noqa: ARG002 - a binding of storage asks
        """Nothing: patterns are in blocks."""
        return []

    def call(self, score: Score) -> Call:
        """A remark."""
        return Call(module="System", name="remark_with_event", parameters={"remark": f"0x{score_remark(score).hex()}"})

    def _pattern(self, text: bytes) -> Pattern | Malformed:
        try:
            return read_pattern(text, self._fields)
        except SchemaError as error:
            did = text.removeprefix(PATTERN_MARK)[:DID_BYTES]
            return Malformed(did=did, data=text, fault=str(error))
