"""Reading what became final: what came of what was sent, and what came new."""

import msgspec

from telltale.apps.personhood.chain.binding import Binding, Malformed
from telltale.apps.personhood.chain.codec import MARK, Pattern, blake2_256
from telltale.apps.personhood.chain.journal import Cursor, Entry, Journal
from telltale.apps.personhood.chain.node import Head, Node, Outcome
from telltale.contract.errors import ConflictError

_KEPT_EVERY = 200  # blocks without anything of ours; they may be read again, and the disk is spared


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was new: patterns, bytes that are none, scores that came into a block, and those that the runtime refused."""

    found: int = 0
    malformed: int = 0
    in_block: int = 0
    failed: int = 0


def read_blocks(
    node: Node, binding: Binding, journal: Journal, head: Head, *, account: bytes, first_block: int | None
) -> Read:
    """Read every block from where the journal stands up to `head`, and note what it says.

    Args:
        node: where the chain is read.
        binding: what is looked for.
        journal: where it is noted.
        head: a block that is final.
        account: 32 bytes; scores that it signed are ours, even where the journal knows nothing of them.
        first_block: where to begin, the first time; None for the block after `head`.

    Raises:
        ConflictError: the chain is not the one that was read before.
        UnavailableError: the node does not answer, or has no state of a block that old.
    """
    cursor = journal.cursor()
    if cursor is None:
        begin = head.height if first_block is None else min(first_block - 1, head.height)
    else:
        _check_same_chain(node, cursor, head)
        begin = cursor.height
    sent = {entry.extrinsic_hash: entry for entry in journal.entries("signed")}
    total = Read()
    if binding.reads_blocks or sent:
        for height in range(begin + 1, head.height):
            total = _plus(total, _read_block(node, binding, journal, _head(node, height), sent=sent, account=account))
        if head.height > begin:
            total = _plus(total, _read_block(node, binding, journal, head, sent=sent, account=account))
    with journal.together():
        journal.move(Cursor(height=head.height, hash=head.hash))
    return total


def _head(node: Node, height: int) -> Head:
    return Head(height=height, hash=node.block_hash(height))


def _check_same_chain(node: Node, cursor: Cursor, head: Head) -> None:
    if cursor.height <= head.height and node.block_hash(cursor.height) == cursor.hash:
        return
    raise ConflictError(
        f"block {cursor.height} was {cursor.hash} when it was read, and is not that now",
        where=node.url,
        mend="The node is behind, or the chain was begun anew: wait for it, or take another TELLTALE_HOME for another chain.",
    )


def _read_block(
    node: Node, binding: Binding, journal: Journal, block: Head, *, sent: dict[bytes | None, Entry], account: bytes
) -> Read:
    extrinsics = node.extrinsics(block.hash)
    ours = [
        index
        for index, extrinsic in enumerate(extrinsics)
        if blake2_256(extrinsic) in sent or (binding.reads_blocks and MARK in extrinsic)
    ]
    if not ours:
        if block.height % _KEPT_EVERY == 0:
            journal.move(Cursor(height=block.height, hash=block.hash))
        return Read()
    outcomes = node.outcomes(block.hash)
    total = Read()
    with journal.together():
        for index in ours:
            outcome = outcomes[index]
            entry = sent.get(blake2_256(extrinsics[index]))
            if entry is not None:
                total = _plus(total, _note_sent(journal, entry, outcome, block.height))
            for item in binding.in_block(extrinsics[index], outcome) if binding.reads_blocks else ():
                if isinstance(item, tuple):
                    signer, score = item
                    if signer == account:
                        journal.in_block(score.did, score.pattern_hash, block.height, score=score.value)
                else:
                    total = _plus(total, note_pattern(journal, item))
        journal.move(Cursor(height=block.height, hash=block.hash))
    return total


def _note_sent(journal: Journal, entry: Entry, outcome: Outcome, height: int) -> Read:
    if outcome.fault:
        journal.put_aside(entry, "failed", f"block {height} took it, and the runtime refused it: {outcome.fault}")
        return Read(failed=1)
    assert entry.score is not None, "what was signed had a score"
    journal.in_block(entry.did, entry.pattern_hash, height, score=entry.score)
    return Read(in_block=1)


def note_pattern(journal: Journal, item: Pattern | Malformed) -> Read:
    """Note what was found; what is known counts for nothing."""
    if isinstance(item, Pattern):
        return Read(found=int(journal.find(item)))
    return Read(malformed=int(journal.malformed(item.did, blake2_256(item.data), item.data, item.fault)))


def _plus(one: Read, other: Read) -> Read:
    return Read(**{name: getattr(one, name) + getattr(other, name) for name in Read.__struct_fields__})
