"""`simulate APP/EVENT --attack KIND`: an attack on a version of this home, or on a running server of this machine."""

from pathlib import Path

import msgspec

from telltale.cli.console import next_step, out, print_json, say, table
from telltale.contract.errors import UsageError
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.home.apps import find_event

# Enough for a dozen incidents, and at the usual rate for half a minute against a server.
_ROWS = 1_500
RATE_PER_S = 50.0


def attack(
    event: str,
    kind: str,
    how: Simulation,
    *,
    against: str,
    rate: float,
    key: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Make the rows, have them judged, and tell what came of it; with `output` the rows are written, too.

    Raises:
        UsageError: there is no such event or kind, or the address is not of this machine.
        UnavailableError: the server does not answer.
    """
    from telltale.home.attack import attack_rows, decided_here, task_attacked, version_attacked
    from telltale.home.attack_against import attack_against, loopback_address
    from telltale.telemetry.export import event_columns, write_frame

    if against:
        loopback_address(against)  # refused before anything is made
    own = kind.replace("-", "_")
    if how.n_rows is None and how.days is None:
        how = msgspec.structs.replace(how, n_rows=_ROWS)
    with open_home() as home:
        app, schema = find_event(home.apps, event)
        task = task_attacked(app, schema.name, own)
        frame = attack_rows(app, schema.name, own, how)
        if against:
            version = against
            outcome = attack_against(against, schema, f"{app.name}/{task.name}", frame, per_second=rate, key=key)
        else:
            version, runtime = version_attacked(home, app, task)
            outcome = decided_here(runtime, frame)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_frame(event_columns(frame, schema), output)
    head = {"event": f"{app.name}/{schema.name}", "attack": kind, "version": version}
    if as_json:
        print_json({**head, "against": against or None, **msgspec.to_builtins(outcome)})
        return 0
    say(f"{kind} in {outcome.n:,} requests, judged by {version}.")
    found = "-" if outcome.detection_rate is None else f"{outcome.detection_rate:.1%} of {outcome.incidents:,}"
    rows = [
        ("incidents found", found),
        ("delay, median", "-" if outcome.delay_s is None else f"{outcome.delay_s:.1f} s"),
        ("requests of attacks flagged", f"{outcome.attack_requests_flagged:,} of {outcome.attack_requests:,}"),
        ("false alarms", f"{outcome.false_alarms:,} of {outcome.n - outcome.attack_requests:,} requests"),
        ("clean clients flagged", f"{outcome.clean_clients_flagged:,} of {outcome.clean_clients:,}"),
    ]
    out.print(table(f"Attack: {kind}", ("figure", "value"), rows, right=("value",)))
    next_step(f"telltale evaluate {app.name}/{task.name}: every kind of attack")
    return 0


def refuse_lone_options(against: str) -> None:
    """Raise UsageError where `--against` is given, and no attack."""
    if against:
        raise UsageError("--against has no attack to send", where="simulate", mend="Add --attack KIND.")
