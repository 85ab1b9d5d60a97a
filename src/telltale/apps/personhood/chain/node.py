"""A connection to a Substrate node: what is final, what stands in blocks, and sending what was signed.

Everything that goes wrong on the way to the node is an `UnavailableError`: after one the connection is given up and made
anew, since nobody knows what of it still works.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from telltale.apps.personhood.chain.node_faults import dispatch_fault, told
from telltale.contract.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from substrateinterface import Keypair, SubstrateInterface

TIMEOUT_S: Final = 30.0
ERA_BLOCKS: Final = 64  # how long signed bytes can be taken; a power of two, as SCALE's eras are
# What nodes answer where the bytes came before: the pool has them, or a block.
_CAME_BEFORE: Final = ("already imported", "temporarily banned", "outdated", "stale", "priority is too low")
_CANNOT_PAY: Final = ("inability to pay", "payment")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A block that is final."""

    height: int
    hash: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What events say of one extrinsic of a block.

    Args:
        fault: why it failed; "" where it did not.
        remarks: sender (32 bytes) and hash of each remark in it.
    """

    fault: str
    remarks: tuple[tuple[bytes, bytes], ...]


class Node:
    """A node that answers; made by `connect`.

    Args:
        substrate: a connection.
        url: its address.
        chain: hash of the chain's first block, by which journals tell chains apart.
    """

    def __init__(self, substrate: "SubstrateInterface", url: str, chain: str) -> None:
        self.substrate = substrate
        self.url = url
        self.chain = chain

    def ask(self, method: str, *parameters: object) -> Any:
        """The result of one call of its RPC."""
        with told(self.url):
            return self.substrate.rpc_request(method, list(parameters))["result"]

    def finalised(self) -> Head:
        """The last block that will stay."""
        found = self.ask("chain_getFinalizedHead")
        return Head(height=int(self.ask("chain_getHeader", found)["number"], 16), hash=found)

    def block_hash(self, height: int) -> str:
        """The hash of a block. Raises UnavailableError where there is none of that height."""
        found = self.ask("chain_getBlockHash", height)
        if not isinstance(found, str):
            raise UnavailableError(f"it has no block {height}", where=self.url, mend="Wait until it has caught up.")
        return found

    def extrinsics(self, block_hash: str) -> list[bytes]:
        """What a block was made of, as bytes."""
        return [bytes.fromhex(one[2:]) for one in self.ask("chain_getBlock", block_hash)["block"]["extrinsics"]]

    def outcomes(self, block_hash: str) -> dict[int, Outcome]:
        """What came of the extrinsics of a block, by their place in it.

        Raises:
            UnavailableError: among others where the node has thrown the state of a block that old away.
            UsageError: the runtime has types that cannot be decoded.
        """
        from scalecodec.exceptions import RemainingScaleBytesNotEmptyException

        with told(self.url):
            try:
                events = [record.value for record in self.substrate.get_events(block_hash)]
            except (NotImplementedError, RemainingScaleBytesNotEmptyException) as error:
                raise UsageError(
                    f"the events of block {block_hash} cannot be decoded ({error})",
                    where=self.url,
                    mend="Use a release of substrate-interface that knows the runtime's types.",
                ) from error
        faults: dict[int, str] = {}
        remarks: dict[int, list[tuple[bytes, bytes]]] = {}
        for event in events:
            index = event["extrinsic_idx"]
            name = f"{event['module_id']}.{event['event_id']}"
            if name == "System.ExtrinsicFailed":
                faults[index] = dispatch_fault(self.substrate.metadata, event["attributes"])
            elif name == "System.Remarked":
                sender = bytes.fromhex(self.substrate.ss58_decode(event["attributes"]["sender"]))
                remarks.setdefault(index, []).append((sender, bytes.fromhex(event["attributes"]["hash"][2:])))
        seen = {event["extrinsic_idx"] for event in events if event["extrinsic_idx"] is not None}
        return {index: Outcome(fault=faults.get(index, ""), remarks=tuple(remarks.get(index, ()))) for index in seen}

    def nonce_at(self, account: str, head: Head) -> int:
        """How many extrinsics of an account the chain had taken up to a block."""
        with told(self.url):
            found = self.substrate.query("System", "Account", [account], block_hash=head.hash)
        return int(found.value["nonce"])

    def pending(self) -> list[bytes]:
        """What waits in the node's pool, as bytes."""
        return [bytes.fromhex(one[2:]) for one in self.ask("author_pendingExtrinsics")]

    def next_nonce(self, account: str) -> int:
        """The first nonce that neither the chain nor the node's pool has taken."""
        return int(self.ask("system_accountNextIndex", account))

    def sign(
        self, module: str, call: str, parameters: Mapping[str, object], keypair: "Keypair", *, nonce: int, head: Head
    ) -> bytes:
        """The bytes of a signed call, good for `ERA_BLOCKS` blocks after `head`.

        Raises:
            UsageError: the runtime has no such call.
        """
        with told(self.url):
            self.substrate.init_runtime(block_hash=head.hash)
            try:
                composed = self.substrate.compose_call(module, call, dict(parameters), block_hash=head.hash)
            except ValueError as error:
                raise UsageError(
                    f"the runtime takes no {module}.{call}({', '.join(parameters)}): {error}",
                    where=self.url,
                    mend="Name the pallet, the call and its parameters as the runtime's metadata does.",
                ) from error
            era = {"period": ERA_BLOCKS, "current": head.height}
            return bytes(self.substrate.create_signed_extrinsic(composed, keypair, era=era, nonce=nonce).data.data)

    def send(self, extrinsic: bytes, *, account: str) -> None:
        """Hand signed bytes to the node. That it has them already, or a block has, is as good.

        Raises:
            UnavailableError: it does not take them, or the account cannot pay.
        """
        try:
            self.ask("author_submitExtrinsic", f"0x{extrinsic.hex()}")
        except UnavailableError as error:
            said = error.what.lower()
            if any(words in said for words in _CANNOT_PAY):
                raise UnavailableError(
                    f"the account cannot pay the fee ({error.what})",
                    where=account,
                    mend="Send it some of the chain's currency; the same bytes are sent again.",
                ) from error
            if not any(words in said for words in _CAME_BEFORE):
                raise


@contextmanager
def connect(url: str) -> Iterator[Node]:
    """A connection to a node, until the block ends.

    Raises:
        UnavailableError: the node cannot be reached.
    """
    from substrateinterface import SubstrateInterface

    with told(url):
        options = {"timeout": TIMEOUT_S}
        substrate = SubstrateInterface(url=url, ws_options=options, auto_reconnect=False, use_remote_preset=False)
    try:
        with told(url):
            chain = _first_block(substrate)
        yield Node(substrate, url, chain)
    finally:
        substrate.close()


def _first_block(substrate: "SubstrateInterface") -> str:
    """The hash of the first block as the runtime knows it, and signs by it from now on.

    A signature is checked against what the runtime has. A development node that was started anew on its stored chain says
    another hash when it is asked for block 0.
    """
    known = str(substrate.query("System", "BlockHash", [0]).value)
    ask = substrate.get_block_hash
    substrate.get_block_hash = lambda block_id=None: known if block_id == 0 else ask(block_id)
    return known
