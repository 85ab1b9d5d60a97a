"""Traces as a collector gets them: a real receiver on loopback, and the protobuf that is sent to it."""

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from telltale.contract.errors import UsageError
from telltale.serve.http.tracing import Tracing, is_traced

PREDICT = "/v1/helios/anomaly/predict"
EVENTS = "/v1/helios/events/metrics"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, ERROR = 2, 2  # of the protocol: kind of a span, code of its status


class Receiver:
    """A collector: keeps the spans it was sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        receiver = self

        class _Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = ExportTraceServiceRequest()
                sent.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
                for resource in sent.resource_spans:
                    receiver.services |= {_attributes(resource.resource)["service.name"]}
                    receiver.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Request)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _attributes(told: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in told.attributes}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.address)
    yield made
    made.close()


def test_each_request_is_a_span_with_its_route_version_and_status(
    receiver: Receiver, open_client: Callable[..., Any], row: dict[str, Any]
) -> None:
    client = open_client()
    trace = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "a-1"}
    client.post(PREDICT, row, **trace)
    client.get("/v1/versions/helios/anomaly")
    client.get("/nowhere")
    client.post(EVENTS, row)
    client.post(f"{PREDICT}:batch", row)
    client.close()

    spans = {span.name: span for span in receiver.spans}
    predict = spans[f"POST {PREDICT}"]
    assert (predict.trace_id.hex(), predict.parent_span_id.hex(), predict.kind) == (TRACE, PARENT, SERVER)
    assert _attributes(predict) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": PREDICT,
        "url.path": PREDICT,
        "url.scheme": "http",
        "telltale.app": "helios",
        "telltale.task": "anomaly",
        "telltale.version": 1,
        "telltale.request_id": "a-1",
    }
    assert spans["model"].parent_span_id == predict.span_id
    assert spans["intake"].parent_span_id == spans[f"POST {EVENTS}"].span_id
    assert _attributes(spans[f"POST {EVENTS}"])["telltale.app"] == "helios"
    listed = spans["GET /v1/versions/{app}/{task}"]
    assert _attributes(listed)["url.path"] == "/v1/versions/helios/anomaly"
    assert listed.trace_id.hex() != TRACE
    assert _attributes(spans["GET"])["http.response.status_code"] == 404  # no route: a name for each path would be many
    assert spans[f"POST {PREDICT}:batch"].end_time_unix_nano > 0
    assert receiver.services == {"telltale"}


def test_a_request_that_broke_is_a_span_in_error(
    receiver: Receiver, open_client: Callable[..., Any], monkeypatch: Any
) -> None:
    client = open_client()
    monkeypatch.setattr(type(client.edge.registry), "all_versions", lambda _self: 1 / 0)
    client.get("/v1/versions")
    client.close()

    (span,) = receiver.spans
    assert span.status.code == ERROR
    assert _attributes(span)["error.type"] == "500"


@pytest.mark.slow
def test_a_collector_that_is_gone_costs_an_answer_nothing_and_a_stop_a_moment(
    receiver: Receiver, open_client: Callable[..., Any], row: dict[str, Any]
) -> None:
    client = open_client()
    receiver.close()

    assert client.post(PREDICT, row).status_code == 200
    stopping = threading.Thread(target=client.close)
    stopping.start()
    stopping.join(timeout=5)
    assert not stopping.is_alive()


def test_without_an_endpoint_nothing_is_traced_or_imported() -> None:
    import subprocess

    program = "import sys, telltale.serve.edge; print('opentelemetry' in {m.partition('.')[0] for m in sys.modules})"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
    assert not is_traced({})
    assert not is_traced({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"})


def test_traces_that_cannot_be_sent_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(UsageError, match="Give http/protobuf"):
        is_traced(asked | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})

    monkeypatch.setattr("telltale.serve.http.tracing.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'telltale-loop\[traces\]'"):
        is_traced(asked)


def test_a_service_may_be_named(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OTEL_SERVICE_NAME", "till")
    tracing = Tracing(os.environ)
    with tracing.child("alone"):
        pass
    tracing.close()

    assert receiver.services == {"till"}
