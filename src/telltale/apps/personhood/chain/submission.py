"""Signing and sending, so that no pattern has two scores on the chain.

What is signed is on disk before it is sent, and is sent again as the very same bytes until a final block has it, or until
none ever can: its nonce went to another extrinsic, or its era is over. Only then is anew signed. A chain takes a nonce
once, so at no moment can two extrinsics for one pattern both come into blocks.
"""

from itertools import count
from typing import TYPE_CHECKING, Final

from telltale.apps.personhood.chain.binding import Binding
from telltale.apps.personhood.chain.codec import Score, blake2_256
from telltale.apps.personhood.chain.journal import Entry, Journal
from telltale.apps.personhood.chain.node import ERA_BLOCKS, Head, Node
from telltale.contract.estimator import Tell

if TYPE_CHECKING:
    from substrateinterface import Keypair

MOST_ON_THEIR_WAY: Final = 64  # of one account: pools hold so many and no more


def settle(node: Node, journal: Journal, head: Head) -> int:
    """Send again what is still on its way, and give up what can come into no block; how many were given up.

    The journal has been read up to `head`.

    Raises:
        UnavailableError: the node does not take them.
    """
    nonces: dict[str, int] = {}
    waiting = []
    n_given_up = 0
    for entry in journal.entries("signed"):
        assert entry.nonce is not None
        assert entry.valid_until is not None
        if entry.account not in nonces:
            nonces[entry.account] = node.nonce_at(entry.account, head)
        if nonces[entry.account] > entry.nonce or head.height >= entry.valid_until:
            journal.unsigned(entry)
            n_given_up += 1
        else:
            waiting.append((entry.nonce, entry))
    for _, entry in sorted(waiting, key=lambda pair: pair[0]):
        _send(node, entry.extrinsic, entry.account)
    return n_given_up


def submit(node: Node, binding: Binding, journal: Journal, keypair: "Keypair", head: Head, *, tell: Tell) -> int:
    """Sign and send every score that is not on its way; how many.

    Where the account has extrinsics on their way that the journal knows nothing of, they may be scores of before it was
    lost: nothing is signed until they are in final blocks, where they are read.

    Raises:
        UnavailableError: the node does not take them, or the account cannot pay.
        UsageError: the runtime has no such call.
    """
    scored = journal.entries("scored")
    if not scored:
        return 0
    account = keypair.ss58_address
    signed = [entry for entry in journal.entries("signed") if entry.account == account]
    held = {entry.nonce for entry in signed}
    known = {entry.extrinsic for entry in signed}
    # The pool first: what leaves it meanwhile is in a block, and the next nonce counts it.
    in_pool = [one for one in node.pending() if keypair.public_key in one and one not in known]
    next_nonce = node.next_nonce(account)
    in_blocks = set(range(node.nonce_at(account, head), next_nonce)) - held
    if in_pool or in_blocks:
        tell(f"Other extrinsics of {account} are on their way; scores wait until they are in final blocks.")
        return 0
    free = (nonce for nonce in count(next_nonce) if nonce not in held)
    n_sent = 0
    for entry in scored[: MOST_ON_THEIR_WAY - len(held)]:
        extrinsic = _sign(node, binding, journal, keypair, head, entry=entry, nonce=next(free))
        _send(node, extrinsic, account)
        n_sent += 1
    return n_sent


def _sign(
    node: Node, binding: Binding, journal: Journal, keypair: "Keypair", head: Head, *, entry: Entry, nonce: int
) -> bytes:
    assert entry.score is not None, "what is signed has a score"
    call = binding.call(Score(did=entry.did, pattern_hash=entry.pattern_hash, value=entry.score))
    extrinsic = node.sign(call.module, call.name, call.parameters, keypair, nonce=nonce, head=head)
    account, valid_until = keypair.ss58_address, head.height + ERA_BLOCKS
    journal.signed(entry, extrinsic, blake2_256(extrinsic), account=account, nonce=nonce, valid_until=valid_until)
    return extrinsic


def _send(node: Node, extrinsic: bytes | None, account: str) -> None:
    assert extrinsic is not None, "what was signed is kept"
    node.send(extrinsic, account=account)
