"""OpenTelemetry traces: a span for each request, sent to the collector that the environment names.

Without OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) nothing of it is imported, and a request pays for one look
at an attribute. With it, OpenTelemetry's own variables say the rest: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SDK_DISABLED and so on.
"""

import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from telltale.contract.errors import UsageError
from telltale.serve.http.call import Call, Reply

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_CLOSE_S: Final = 1.5
_place_of = re.compile(r"/v1/([a-z][^/]*)/(?:events|([^/:]+)/predict)").match
T = TypeVar("T")


class _Told(msgspec.Struct):
    version: int | None = None


_read_version = msgspec.json.Decoder(_Told).decode


def is_traced(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces.

    Raises:
        UsageError: it does, and the extra is not installed, or it asks for another protocol than HTTP.
    """
    endpoint = next((name for name in _ENDPOINTS if environment.get(name)), "")
    if not endpoint or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    for name in _PROTOCOLS:
        if environment.get(name, "") not in {"", "http/protobuf"}:
            raise UsageError(
                f"traces by {environment[name]} are not supported",
                where=name,
                mend="Give http/protobuf, or leave it out.",
            )
    if not _is_installed():
        raise UsageError(
            "traces are asked for, and OpenTelemetry is not installed",
            where=endpoint,
            mend="Run: pip install 'telltale-loop[traces]', or unset the variable.",
        )
    return True


class Tracing:
    """The spans of a serving process, sent in batches by a thread.

    Args:
        environment: OpenTelemetry's variables, as far as its library does not read them itself.
        exporter: where spans go; None for the collector that the environment names.
    """

    def __init__(self, environment: Mapping[str, str], exporter: "SpanExporter | None" = None) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        is_named = "OTEL_SERVICE_NAME" in environment or "service.name" in environment.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        resource = Resource.create({} if is_named else {"service.name": "telltale"})
        # Its own hook at exit would wait for a collector that does not answer.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("telltale")
        self._extract = TraceContextTextMapPropagator().extract
        self._trace = trace
        self._context = context

    def begin(self, call: Call) -> "Span":
        """The span of a request, current in its task from here on; a child of the `traceparent` it came with."""
        carrier = {name: call.headers.get(name) for name in ("traceparent", "tracestate")}
        parent = self._extract({name: value for name, value in carrier.items() if value is not None})
        method = call.method if call.method in _METHODS else "_OTHER"
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.path": call.path,
            "url.scheme": "http",
            "telltale.request_id": call.request_id,
        }
        place = _place_of(call.path)
        if place is not None:
            attributes["telltale.app"] = place[1]
            if place[2] is not None:
                attributes["telltale.task"] = place[2]
        span = self._tracer.start_span(
            "HTTP" if method == "_OTHER" else method,
            context=parent,
            kind=self._trace.SpanKind.SERVER,
            attributes=attributes,
        )
        # A task of its own runs the request, and takes its context with it when it ends.
        self._context.attach(self._trace.set_span_in_context(span, parent))
        return span

    def answered(self, span: "Span", call: Call, reply: Reply) -> None:
        """Say of a span what came of the request: its route, its status, and which version answered.

        It ends here where the answer is whole; while an answer is sent in parts, see `to_the_end`.
        """
        span.set_attribute("http.response.status_code", reply.status)
        if call.route:
            span.set_attribute("http.route", call.route)
            span.update_name(f"{call.method} {call.route}")
        if reply.status >= 500:
            span.set_attribute("error.type", str(reply.status))
            span.set_status(self._trace.StatusCode.ERROR)
        elif reply.status == 200 and reply.body and call.path.endswith("/predict"):
            version = _version_in(reply.body)
            if version is not None:
                span.set_attribute("telltale.version", version)
        if reply.parts is None:
            span.end()

    def to_the_end(self, span: "Span") -> AbstractContextManager[Any]:
        """Ends a span with the block, and keeps what the block raises."""
        return self._trace.use_span(span, end_on_exit=True)

    def child(self, name: str) -> AbstractContextManager[Any]:
        """A span within that of the request in hand."""
        return self._tracer.start_as_current_span(name)

    def around(self, name: str, ask: Callable[[bytes], Awaitable[T]]) -> Callable[[bytes], Awaitable[T]]:
        """The same function with a child span around what it is waited for."""

        async def asked(body: bytes) -> T:
            with self.child(name):
                return await ask(body)

        return asked

    def close(self) -> None:
        """Send what waits; a collector that does not answer is waited for a moment only."""
        sending = threading.Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        sending.start()
        sending.join(_CLOSE_S)


def _is_installed() -> bool:
    try:
        return all(find_spec(name) for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:  # of a package above
        return False


def child_of(tracing: Tracing | None, name: str) -> AbstractContextManager[Any]:
    """A child span, or nothing where there are no traces."""
    return nullcontext() if tracing is None else tracing.child(name)


def _version_in(body: bytes) -> int | None:
    try:
        return _read_version(body).version
    except msgspec.DecodeError:
        return None
