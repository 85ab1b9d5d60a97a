"""`telltale consume`: events of a stream stored and decided, and the answers told back."""

import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from telltale.cli.console import AsJson, err, next_step, print_json, say
from telltale.cli.events import Event
from telltale.cli.serving import serve_settings
from telltale.contract.errors import UsageError
from telltale.home.apps import find_event, installed_apps
from telltale.home.settings import read_settings

if TYPE_CHECKING:
    from telltale.serve.consume.consumer import Consumer, Counts


def consume(
    stream: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="redis://HOST:PORT/DB?stream=NAME or nats://HOST:PORT?stream=NAME; after the stream: &group=NAME, "
            "&scores=NAME and &alarms=NAME to tell answers and alarms to, &idle=SECONDS, &keep=MESSAGES.",
        ),
    ],
    event: Event,
    task: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Decide by this task alone; may be given again.")
    ] = None,
    metrics_port: Annotated[
        int, typer.Option(metavar="PORT", help="Show figures for Prometheus at this port of 127.0.0.1; 0 for none.")
    ] = 0,
    as_json: AsJson = False,
) -> int:
    """Store the events of a stream, decide them by their champions and tell the answers back, until stopped.

    Several consumers of one group share the work. Stopped or killed, and started again, they lose and double nothing.
    """
    from telltale.serve.consume.address import read_address
    from telltale.serve.consume.ready import deciding, open_broker, open_consumer
    from telltale.serve.logs import configure_logs

    address = read_address(stream)
    app, schema = find_event(installed_apps(), event)
    able = deciding(app, schema)
    for name in task or ():
        if name not in able:
            raise UsageError.not_one_of(name, able, where="--task")
    decides = tuple(dict.fromkeys(task)) if task else able
    settings = serve_settings(read_settings(Path.cwd()))
    configure_logs(level=settings.log_level)
    with open_consumer(
        settings,
        open_broker(address),
        app,
        schema,
        source=address.told,
        alarms_to=f"{address.told} {address.alarms}" if address.alarms else "",
        decides=decides,
        metrics_port=metrics_port,
    ) as ready:
        by = ", ".join(f"{app.name}/{name}" for name in decides) or "no task"
        told = f"Consuming {address.told} into {app.name}/{schema.name}, decided by {by}; Ctrl-C ends it."
        err.print(told, soft_wrap=True, markup=False)
        until_told_to_stop(ready.consumer)
        counts = ready.consumer.counts
    if as_json:
        print_json(msgspec.structs.asdict(counts))
        return 0
    say(told_counts(counts))
    next_step(f"telltale export {app.name}/{schema.name} -o {schema.name}.ndjson")
    return 0


def until_told_to_stop(consumer: "Consumer") -> None:
    """Run it; Ctrl-C and SIGTERM end it after what it has taken is done with."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        consumer.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        consumer.run()
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def told_counts(counts: "Counts") -> str:
    """For people."""
    answers = f"; {counts.scores:,} answers told, {counts.alarms:,} of them positive" if counts.scores else ""
    return (
        f"{counts.taken:,} messages: {counts.stored:,} rows stored, {counts.already_stored:,} were stored already, "
        f"{counts.quarantined:,} quarantined{answers}."
    )
