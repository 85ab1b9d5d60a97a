"""All that a consumer needs, put together: the home, the champions, the broker."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from prometheus_client import start_http_server

from telltale.contract.app import App
from telltale.contract.schema import EventSchema
from telltale.serve.app_references import load_apps
from telltale.serve.consume.address import StreamAddress
from telltale.serve.consume.broker import Broker
from telltale.serve.consume.consumer import Consumer, Counts
from telltale.serve.consume.nats_stream import NatsStream
from telltale.serve.consume.redis_stream import RedisStream
from telltale.serve.consume.steps import Steps
from telltale.serve.edge import open_edge
from telltale.serve.live.live_task import ROW_KINDS
from telltale.serve.settings import ServeSettings


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer that is ready, and the tasks by which it decides."""

    consumer: Consumer
    tasks: tuple[str, ...]


def open_broker(address: StreamAddress) -> Broker:
    """The broker of an address. Raises UsageError where its driver is not installed."""
    return RedisStream(address) if address.kind == "redis" else NatsStream(address)


def deciding(app: App, schema: EventSchema) -> tuple[str, ...]:
    """The tasks of an app that can decide rows of an event."""
    return tuple(task.name for task in app.tasks if task.event == schema.name and task.kind in ROW_KINDS)


@contextmanager
def open_consumer(
    settings: ServeSettings,
    broker: Broker,
    app: App,
    schema: EventSchema,
    *,
    source: str,
    alarms_to: str = "",
    decides: Sequence[str] | None = None,
    metrics_port: int = 0,
    told: Callable[[Counts], None] = lambda _counts: None,
) -> Iterator[Ready]:
    """A consumer, and what it stands on for as long as the block lasts.

    Args:
        settings: as of a server; champions are loaded, watched and replaced as there.
        broker: of the stream; closed at the end.
        app: whose event.
        schema: the event.
        source: of the rows, as it is stored with them.
        alarms_to: what the broker's stream of alarms is called, where those of the kernel are told to it; else "".
        decides: tasks that decide its rows; None for all that can.
        metrics_port: where figures are shown on 127.0.0.1; 0 for nowhere.
        told: called with the counts whenever some messages are done with.
    """
    tasks = deciding(app, schema) if decides is None else tuple(decides)
    # Other apps' champions would take memory for nothing.
    own = tuple(reference for reference in settings.apps if load_apps((reference,))[0].name == app.name)
    edge = open_edge(msgspec.structs.replace(settings, apps=own))
    try:
        edge.versions.start()
        # As in a server: what is loaded is not looked through again and again, and what a batch makes not while it is made.
        gc.freeze()
        gc.set_threshold(50_000, 50, 1_000)
        steps = Steps(
            edge.folder.events,
            app.name,
            schema,
            source=source,
            places=[edge.place(app.name, name) for name in tasks],
            number=broker.number,
            observe=edge.metrics.observe,
        )
        consumer = Consumer(
            broker,
            steps.work,
            edge.folder.state,
            app=app.name,
            event=schema.name,
            alarms_to=alarms_to,
            told=told,
        )
        if metrics_port:
            server, thread = start_http_server(metrics_port, addr="127.0.0.1", registry=edge.metrics.registry)
        try:
            yield Ready(consumer=consumer, tasks=tasks)
        finally:
            if metrics_port:
                server.shutdown()
                server.server_close()
                thread.join()
    finally:
        broker.close()
        edge.close()
