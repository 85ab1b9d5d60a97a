"""`telltale relay substrate`: patterns from a chain, scores back to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telltale.apps.personhood.chain.binding import Binding
from telltale.apps.personhood.chain.codec import FIELDS, Field, parse_fields
from telltale.apps.personhood.chain.pallet import PalletBinding, PalletNames
from telltale.apps.personhood.chain.remark import RemarkBinding
from telltale.contract.command import AppCommand, CommandOption
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell

if TYPE_CHECKING:
    from telltale.apps.personhood.chain.relay import Done
    from telltale.home import Home

_NAMES: Final = PalletNames()
_OPTIONS: Final = (
    CommandOption(name="ws", help="Address of the node, as in ws://127.0.0.1:9944.", is_required=True),
    CommandOption(
        name="binding",
        help="Where patterns wait: in a pallet, or in remarks.",
        default="pallet",
        choices=("pallet", "remark"),
    ),
    CommandOption(name="url", help="What answers with the score.", default="http://127.0.0.1:8000/predict"),
    CommandOption(
        name="seed-file",
        help="File with the words, the 0x seed or the //path of the account that signs, for its owner's eyes alone.  "
        "[RELAY_SEED]",
        kind="file",
    ),
    CommandOption(name="every", help="Blocks between looks.", kind="number", default=10),
    CommandOption(name="once", help="Until all that waits has its score in a final block.", kind="flag", default=False),
    CommandOption(
        name="from-block", help="remark: the first block to read, the first time.  [default: the next]", kind="number"
    ),
    CommandOption(
        name="fields",
        help="The numbers of a pattern in their order, each with its SCALE type.",
        default=",".join(f"{field.name}:{field.scale}" for field in FIELDS),
    ),
    CommandOption(name="pallet", help="pallet: its name.", default=_NAMES.pallet),
    CommandOption(name="storage", help="pallet: its map from DID to pattern.", default=_NAMES.storage),
    CommandOption(name="call", help="pallet: its call with a score.", default=_NAMES.call),
    CommandOption(
        name="call-fields",
        help="pallet: the call's parameters for the DID, the pattern's hash and the score.",
        default=f"{_NAMES.did},{_NAMES.pattern_hash},{_NAMES.score}",
    ),
    CommandOption(
        name="alarm-after", help="Failures in a row that raise the alarm relay_failing.", kind="number", default=5
    ),
    CommandOption(name="again", help="Take up again what was put aside.", kind="flag", default=False),
)


def relay_substrate(home: "Home", given: Mapping[str, Any], tell: Tell) -> "Done":
    """Relay; for ever without `once`. Raises what `run_relay` does."""
    # A server imports the app, and none of this.
    from telltale.apps.personhood.chain.health import Health
    from telltale.apps.personhood.chain.journal import open_journal
    from telltale.apps.personhood.chain.relay import Relay, run_relay
    from telltale.apps.personhood.chain.signer import read_keypair
    from telltale.home.settings import read_settings
    from telltale.telemetry.remote import checked_address

    settings = read_settings(Path.cwd())
    for name in ("every", "alarm-after"):
        if given[name] < 1:
            raise UsageError(f"{given[name]} is less than 1", where=f"--{name}", mend="Give a number of 1 or more.")
    if not given["ws"].startswith(("ws://", "wss://")):
        raise UsageError(
            f"{given['ws']!r} is no address of a node", where="--ws", mend="Give ws://HOST:PORT or wss://HOST."
        )
    checked_address(given["url"], where="--url", use="ask")
    fields = parse_fields(given["fields"])
    relay = Relay(
        ws=given["ws"],
        binding=_binding(given, fields),
        url=given["url"],
        keypair=read_keypair(given["seed-file"], settings["RELAY_SEED"]),
        api_key=settings["RELAY_API_KEY"],
        fields=fields,
        every=given["every"],
        first_block=given["from-block"],
    )
    tell(f"Scores are signed by {relay.keypair.ss58_address}.")
    health = Health(state=home.folder.state, alarm_after=given["alarm-after"])
    with open_journal(home.folder.path) as connection:
        return run_relay(relay, connection, health, once=given["once"], again=given["again"], tell=tell)


def _binding(given: Mapping[str, Any], fields: tuple[Field, ...]) -> Binding:
    if given["binding"] == "remark":
        return RemarkBinding(fields)
    parameters = [name.strip() for name in given["call-fields"].split(",")]
    if len(parameters) != 3:
        raise UsageError(
            f"{given['call-fields']!r} names {len(parameters)} parameters", where="--call-fields", mend="Name three."
        )
    did, pattern_hash, score = parameters
    names = PalletNames(
        pallet=given["pallet"],
        storage=given["storage"],
        call=given["call"],
        did=did,
        pattern_hash=pattern_hash,
        score=score,
    )
    return PalletBinding(names, fields)


RELAY_SUBSTRATE: Final = AppCommand(
    group="relay",
    name="substrate",
    help="Score the patterns that wait on a Substrate chain, and sign the scores back to it.",
    options=_OPTIONS,
    run=relay_substrate,
)
