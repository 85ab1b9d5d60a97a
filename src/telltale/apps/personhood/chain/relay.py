"""The relay: a pass every so many blocks, and the loop around it that outlives the loss of the node or the service."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from telltale.apps.personhood.chain.binding import Binding
from telltale.apps.personhood.chain.blocks import Read, note_pattern, read_blocks
from telltale.apps.personhood.chain.codec import FIELDS, Field
from telltale.apps.personhood.chain.health import Health
from telltale.apps.personhood.chain.journal import Journal
from telltale.apps.personhood.chain.node import Head, Node, connect
from telltale.apps.personhood.chain.scoring import ask_score, question
from telltale.apps.personhood.chain.submission import settle, submit
from telltale.contract.errors import SchemaError, TelltaleError, UnavailableError
from telltale.contract.estimator import Tell

if TYPE_CHECKING:
    from substrateinterface import Keypair

_POLL_S: Final = 1.0
_ONCE_POLL_S: Final = 0.2
_ONCE_WAIT_S: Final = 60.0
_LONGEST_WAIT_S: Final = 60.0
_DOWN_AFTER: Final = 3  # questions in a row without an answer; the others are not asked in this pass


@dataclass(frozen=True, kw_only=True)
class Relay:
    """From where to where.

    Args:
        ws: address of the node.
        binding: where patterns wait, and how a score goes back.
        url: of `/predict`.
        keypair: who signs.
        api_key: for `/predict`, or "".
        fields: the numbers of a pattern.
        every: blocks between passes.
        first_block: where to begin to read, the first time; None for now.
    """

    ws: str
    binding: Binding
    url: str
    keypair: "Keypair"
    api_key: str = ""
    fields: tuple[Field, ...] = FIELDS
    every: int = 10
    first_block: int | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal stands after a pass.

    Args:
        height: of the last final block.
        counts: patterns by state.
    """

    height: int
    counts: dict[str, int]


def run_relay(
    relay: Relay,
    connection: sqlite3.Connection,
    health: Health,
    *,
    once: bool,
    again: bool = False,
    tell: Tell,
    sleep: Callable[[float], None] = time.sleep,
) -> Done:
    """Relay until stopped; with `once` until everything that waits has its score in a final block.

    Args:
        relay: from where to where.
        connection: the journal's file.
        health: counts failures.
        once: give up after as many failures in a row as raise the alarm.
        again: begin anew with what was put aside.
        tell: given a line whenever something happened.
        sleep: between looks.

    Raises:
        UnavailableError: with `once`, after the failures.
        UsageError, ConflictError, UnauthorizedError: nothing that passes by itself. The alarm is raised for these too.
    """
    while True:
        try:
            with connect(relay.ws) as node:
                journal = Journal(connection, node.chain)
                if again:
                    tell(f"{journal.take_up_again()} that were put aside are taken up again.")
                    again = False
                return _follow(node, journal, relay, health, once=once, tell=tell, sleep=sleep)
        except UnavailableError as error:
            health.failed(error)
            wait_s = min(2.0 ** (health.n_failures - 1), _LONGEST_WAIT_S)
            if once and health.n_failures >= health.alarm_after:
                raise
            tell(f"{error} Attempt {health.n_failures + 1} in {wait_s:g} s.")
            sleep(wait_s)
        except TelltaleError as error:
            health.n_failures = max(health.n_failures, health.alarm_after)
            health.failed(error)
            raise


def _follow(
    node: Node,
    journal: Journal,
    relay: Relay,
    health: Health,
    *,
    once: bool,
    tell: Tell,
    sleep: Callable[[float], None],
) -> Done:
    """Passes, until one fails; with `once` until nothing is on its way. Returns with `once` alone."""
    seen: Head | None = None
    give_up_at = time.monotonic() + _ONCE_WAIT_S
    while True:
        head = node.finalised()
        is_due = seen is None or (once and head != seen) or head.height // relay.every > seen.height // relay.every
        if is_due or (head != seen and journal.entries("signed")):
            relay_pass(node, journal, relay, head, is_due=is_due, tell=tell)
            health.well(journal)
        seen = head
        if once and not (journal.entries("signed") or journal.entries("scored")):
            return Done(height=head.height, counts=journal.counts())
        if once and time.monotonic() > give_up_at:
            raise UnavailableError(
                f"{len(journal.entries('signed'))} signed scores are in no final block after {_ONCE_WAIT_S:g} s",
                where=relay.ws,
                mend="They are kept: run it again later, or without --once.",
            )
        sleep(_ONCE_POLL_S if once else _POLL_S)


def relay_pass(node: Node, journal: Journal, relay: Relay, head: Head, *, is_due: bool, tell: Tell) -> None:
    """One pass as of a final block: read, settle, and where it is due ask, sign and send.

    Raises:
        UnavailableError: something did not answer; all that could be done without it is done.
        UsageError, ConflictError, UnauthorizedError: as their messages say.
    """
    account = relay.keypair.public_key
    read = read_blocks(node, relay.binding, journal, head, account=account, first_block=relay.first_block)
    n_given_up = settle(node, journal, head)
    if is_due:
        pending = [note_pattern(journal, item) for item in relay.binding.pending(node, head)]
        read = Read(
            found=read.found + sum(one.found for one in pending),
            malformed=read.malformed + sum(one.malformed for one in pending),
            in_block=read.in_block,
            failed=read.failed,
        )
    n_scored, fault = _ask_all(journal, relay, tell) if is_due else (0, None)
    n_sent = submit(node, relay.binding, journal, relay.keypair, head, tell=tell) if is_due else 0
    counted = {
        "found": read.found,
        "no pattern": read.malformed,
        "scored": n_scored,
        "sent": n_sent,
        "in a block": read.in_block,
        "refused by the runtime": read.failed,
        "to be signed anew": n_given_up,
    }
    told = ", ".join(f"{n} {what}" for what, n in counted.items() if n)
    if told:
        tell(f"Block {head.height}: {told}.")
    if fault is not None:
        raise fault


def _ask_all(journal: Journal, relay: Relay, tell: Tell) -> tuple[int, UnavailableError | None]:
    """Ask for the scores that are not known, those first that were asked for least often; how many came, the last fault."""
    n_scored, n_in_a_row, fault = 0, 0, None
    for entry in journal.to_ask():
        if n_in_a_row == _DOWN_AFTER:
            break
        try:
            body = question(entry.did, entry.pattern_hash, entry.features, relay.fields)
            journal.scored(entry, ask_score(relay.url, body, api_key=relay.api_key))
            n_scored, n_in_a_row = n_scored + 1, 0
        except SchemaError as error:
            journal.put_aside(entry, "refused", str(error))
            tell(f"Pattern {entry.pattern_hash.hex()} of 0x{entry.did.hex()} is put aside: {error}")
        except UnavailableError as error:
            journal.asked_in_vain(entry)
            n_in_a_row, fault = n_in_a_row + 1, error
    return n_scored, fault
