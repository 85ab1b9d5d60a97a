"""A real FRAME runtime under a development executor: chopsticks with the raw genesis of a test network's asset hub.

No consensus, no peers, one block builder, and what is built is final at once. `make chain` installs it.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from tests.faults.kills import free_port

if TYPE_CHECKING:
    from substrateinterface import Keypair, SubstrateInterface

FOLDER: Final = Path(os.environ.get("TELLTALE_CHOPSTICKS", Path.home() / ".cache/telltale-tests/chopsticks"))
_PROGRAM: Final = FOLDER / "node_modules/@acala-network/chopsticks/chopsticks.cjs"
_SPECS: Final = FOLDER / "node_modules/@substrate/connect-known-chains"
_DATABASE: Final = FOLDER / "node_modules/sqlite3/build/Release/node_sqlite3.node"
_FUNDED: Final = ("//Alice", "//Bob", *(f"//Relay{n}" for n in range(12)))
_UP_WITHIN_S: Final = 60.0
BuildMode = Literal["Instant", "Manual"]


def library(module: str = "substrateinterface") -> Any:
    """What chains are read with. Skips where it is not installed."""
    return pytest.importorskip(module, reason="the extra [chain] is not installed")


@cache
def account(name: str) -> "Keypair":
    return library().Keypair.create_from_uri(name)


def map_start(pallet: str, storage: str) -> bytes:
    """What the keys of a storage item begin with."""
    hasher = library("substrateinterface.utils.hasher")
    return bytes(hasher.xxh128(pallet.encode()) + hasher.xxh128(storage.encode()))


def map_key(pallet: str, storage: str, key: bytes) -> bytes:
    """Where a value lies in a map with the hasher Twox64Concat."""
    return map_start(pallet, storage) + bytes(library("substrateinterface.utils.hasher").two_x64_concat(key))


@dataclass
class Chain:
    """A node in a folder; it can be killed and started anew on what it had stored."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    connected: "SubstrateInterface | None" = None  # kept, since reading a runtime's metadata takes a second

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "node.log").open("ab") as log:
            command = ["node", str(_PROGRAM), "--config", "config.yml"]
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        give_up_at = time.monotonic() + _UP_WITHIN_S
        while time.monotonic() < give_up_at:
            try:
                with self.client() as client:
                    client.rpc_request("chain_getHeader", [])
                    return
            except OSError:
                assert self.process.poll() is None, (self.folder / "node.log").read_text()
                time.sleep(0.2)
        pytest.fail(f"no node within {_UP_WITHIN_S:g} s: {(self.folder / 'node.log').read_text()}")

    def kill(self) -> None:
        if self.connected is not None:
            self.connected.close()
            self.connected = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def client(self) -> "Iterator[SubstrateInterface]":
        if self.connected is None:
            self.connected = library().SubstrateInterface(url=self.url, ws_options={"timeout": 30})
        yield self.connected

    def height(self) -> int:
        with self.client() as client:
            return int(client.get_block_number(client.get_chain_head()))

    def await_height(self, height: int) -> None:
        give_up_at = time.monotonic() + _UP_WITHIN_S
        while self.height() < height:
            assert time.monotonic() < give_up_at, f"no block {height} within {_UP_WITHIN_S:g} s"
            time.sleep(0.05)

    def build(self, n_blocks: int = 1) -> None:
        with self.client() as client:
            client.rpc_request("dev_newBlock", [{"count": n_blocks}])

    def build_mode(self, mode: BuildMode) -> None:
        with self.client() as client:
            client.rpc_request("dev_setBlockBuildMode", [mode])

    def set_storage(self, *pairs: tuple[bytes, bytes]) -> None:
        """Put raw values under raw keys into the state of the last block."""
        with self.client() as client:
            client.rpc_request("dev_setStorage", [[[f"0x{key.hex()}", f"0x{value.hex()}"] for key, value in pairs]])

    def fund(self, name: str) -> None:
        with self.client() as client:
            destination = f"0x{account(name).public_key.hex()}"
            call = client.compose_call("Balances", "transfer", {"dest": destination, "value": 10**13})
            signed = client.create_signed_extrinsic(call, account("//Alice"))
            assert client.submit_extrinsic(signed, wait_for_inclusion=True).is_success

    def remark(self, *texts: bytes, sender: str = "//Bob") -> None:
        """Leave remarks, all in one extrinsic, in a block that is built at once."""
        with self.client() as client:
            calls = [client.compose_call("System", "remark_with_event", {"remark": f"0x{one.hex()}"}) for one in texts]
            call = calls[0] if len(calls) == 1 else client.compose_call("Utility", "batch_all", {"calls": calls})
            receipt = client.submit_extrinsic(
                client.create_signed_extrinsic(call, account(sender)), wait_for_inclusion=True
            )
            assert receipt.is_success, receipt.error_message

    def remarks_of(self, sender: str, *, since: int) -> list[bytes]:
        """Every remark that an account signed in a block of its own extrinsic, as the library decodes them."""
        found = []
        with self.client() as client:
            for height in range(since, self.height() + 1):
                block_hash = client.get_block_hash(height)
                raw = client.rpc_request("chain_getBlock", [block_hash])["result"]["block"]["extrinsics"]
                if not any(account(sender).public_key.hex() in one for one in raw):
                    continue  # decoding a block takes long
                for extrinsic in client.get_block(block_hash=block_hash)["extrinsics"]:
                    signer = extrinsic.value.get("address")
                    if signer is None or client.ss58_decode(signer) != account(sender).public_key.hex():
                        continue
                    if extrinsic.value["call"]["call_function"] == "remark_with_event":
                        found.append(bytes(extrinsic["call"]["call_args"][0]["value"].value_object))
        return found


@contextmanager
def running_chain(folder: Path, *, mode: BuildMode = "Instant") -> Iterator[Chain]:
    """A node with a new chain. Skips where it is not installed."""
    library()
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for needed in (_PROGRAM, _SPECS, _DATABASE):
        if not needed.exists():
            pytest.skip(f"{needed} is not there: `make chain` installs it")
    script = f"process.stdout.write(require({json.dumps(str(_SPECS))}).rococo_v2_2_asset_hub)"
    genesis = subprocess.run(["node", "-e", script], check=True, capture_output=True).stdout
    (folder / "genesis.json").write_bytes(genesis)
    chain = Chain(folder=folder, port=free_port())
    funds = [[[account(name).ss58_address], {"providers": 1, "data": {"free": "1000000000000000"}}] for name in _FUNDED]
    settings = {
        "genesis": "./genesis.json",
        "host": "127.0.0.1",
        "port": chain.port,
        "build-block-mode": mode,
        "mock-signature-host": False,
        "db": "./chain.db",
        "resume": True,
        "import-storage": {"System": {"Account": funds}},
    }
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    chain.start()
    try:
        yield chain
    finally:
        chain.kill()
