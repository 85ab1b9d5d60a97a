"""Running the relay as a person does, and looking at what came of it."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from tests.apps.personhood.chain.chopsticks import Chain, account
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.codec import Pattern, Score, encode_features, read_score
from telltale.apps.personhood.chain.health import Health
from telltale.apps.personhood.chain.journal import open_journal
from telltale.apps.personhood.chain.node import Node
from telltale.apps.personhood.chain.relay import Done, Relay, run_relay
from telltale.apps.personhood.chain.remark import RemarkBinding
from telltale.apps.personhood.schema import FIVE
from telltale.cli import main
from telltale.contract.errors import UnavailableError
from telltale.contract.estimator import Tell
from telltale.storage.folder import open_folder

# Lines that end the process at a point, as a fault of the machine does.
_KILLED: Final = """
import os, signal, sys
from telltale.apps.personhood.chain.node import Node
send = Node.send
def killed(self, extrinsic, **more):
    if sys.argv[1] == "after":
        send(self, extrinsic, **more)
    os.kill(os.getpid(), signal.SIGKILL)
Node.send = killed
from telltale.cli import main
main(sys.argv[2:])
"""


def pattern(number: int, *, person: int = 1, speed: int = 65) -> Pattern:
    """A pattern of its own for every number."""
    values = dict(zip(FIVE, (speed, 120, 85, 3 + number % 10, number % 24), strict=True))
    return Pattern(did=bytes([person, number]) * 16, features=encode_features(values))


def options(chain: Chain, scorer: Scorer, first_block: int) -> list[str]:
    return [
        "relay",
        "substrate",
        "--ws",
        chain.url,
        "--binding",
        "remark",
        "--url",
        scorer.url,
        "--from-block",
        str(first_block),
        "--once",
        "--alarm-after",
        "3",
        "--json",
    ]


def scores(chain: Chain, sender: str, since: int) -> list[Score]:
    """The scores on the chain that an account signed, in their order."""
    found = [read_score(remark) for remark in chain.remarks_of(sender, since=since)]
    assert None not in found
    return [score for score in found if score is not None]


def killed_at_sending(point: str, given: list[str], *, home: Path, seed: str) -> None:
    """The relay, killed before ("before") or right after ("after") the first extrinsic is sent."""
    environment = os.environ | {"TELLTALE_HOME": str(home), "RELAY_SEED": seed}
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        [sys.executable, "-c", _KILLED, point, *given], env=environment, check=False, capture_output=True, timeout=60
    )
    assert done.returncode == -9, done.stderr


def lost_at_sending(point: str, given: list[str]) -> None:
    """The relay, once, in this process; the node goes away before ("before") or right after ("after") it has the bytes."""
    send = Node.send

    def lost(node: Node, extrinsic: bytes, *, account: str) -> None:
        if point == "after":
            send(node, extrinsic, account=account)
        raise UnavailableError("it is gone", where=node.url)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Node, "send", lost)
        patch.setattr("telltale.apps.personhood.chain.node.ERA_BLOCKS", 8)  # what is signed here is soon too old
        patch.setattr("telltale.apps.personhood.chain.submission.ERA_BLOCKS", 8)
        assert main([*given, "--alarm-after", "1"]) == 3


def relay_once(
    chain: Chain,
    scorer: Scorer,
    home: Path,
    seed: str,
    first_block: int,
    *,
    tell: Tell,
    sleep: Callable[[float], None],
) -> Done:
    """The relay in this process, which does what the test wants between its looks."""
    relay = Relay(ws=chain.url, binding=RemarkBinding(), url=scorer.url, keypair=account(seed), first_block=first_block)
    folder = open_folder(home)
    health = Health(state=folder.state, alarm_after=3)
    with open_journal(home) as connection:
        done = run_relay(relay, connection, health, once=True, tell=tell, sleep=sleep)
    folder.close()
    return done


def journal_rows(home: Path, columns: str) -> list[tuple[Any, ...]]:
    """What the journal holds, in the order in which it was found."""
    with closing(sqlite3.connect(home / "relay.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM pattern ORDER BY id").fetchall()  # noqa: S608 - a test's own
