"""What is fuzzed: every way in of a whole application in this process, on a home with a version of each kind of task."""

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import polars as pl
from tests.serve.shop import APP as SHOP

from telltale.apps.helios import ANOMALY
from telltale.apps.helios import APP as HELIOS
from telltale.contract.app import App, Task
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

_ARROW: Final = "application/vnd.apache.arrow.stream"
NOW = datetime(2024, 12, 1, tzinfo=UTC)
APPS = ("telltale.apps.helios:APP", "tests.serve.shop:APP")
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
# What may be answered besides 4xx: an answer, or that nothing can be stored right now.
ALLOWED = frozenset({200, 202, 503})

_ROW = (
    b'{"timestamp": "2024-01-03T14:30:00Z", "service": "checkout", "event_count": 1000, "error_rate": 0.01,'
    b' "p50_latency_ms": 42.5, "p95_latency_ms": 100.25, "p99_latency_ms": 130.75}'
)
_LATER = _ROW.replace(b"14:30", b"15:30")


def _arrow(n: int) -> bytes:
    """Rows of helios as an Arrow stream."""
    row = json.loads(_ROW)
    return _stream(pl.DataFrame([row | {"event_count": 1_000 + number} for number in range(n)]))


def _visits(n: int) -> bytes:
    return _stream(pl.DataFrame({"user_id": list(range(n)), "logins": [2.0] * n, "orders": [3.0] * n}))


def _stream(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_ipc_stream(out, compat_level=pl.CompatLevel.oldest())
    return out.getvalue()


def _infer(n: int) -> bytes:
    """A request of the open inference protocol: a tensor for each column."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [n], "data": [value] * n}
        for name, value in json.loads(_ROW).items()
        if not isinstance(value, str)
    ]
    return json.dumps({"id": "a", "inputs": inputs}).encode()


class Target(NamedTuple):
    """A way in: what is changed of it is the body; of those without one, the path, the query string and a header."""

    method: str
    path: str
    bodies: tuple[bytes, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


TARGETS = {
    "predict": Target("POST", "/v1/helios/anomaly/predict", (
        _ROW, b'{"service": "checkout", "explain": true}', b'{"rows": [' + _ROW + b", " + _LATER + b'], "explain": true}',
    )),
    "predict sparse": Target("POST", "/v1/shop/alarm/predict", (b'{"device": "a", "load": 3, "heat": null, "timestamp": 5}',)),
    "predict batch": Target("POST", "/v1/helios/anomaly/predict:batch", (_ROW + b"\n" + _LATER + b"\n\n" + _ROW,)),
    "rank": Target("POST", "/v1/shop/next/predict", (b'{"user_id": 7, "top_k": 2, "seen": ["i1", 2], "include_seen": true}',)),
    "forecast": Target("POST", "/v1/shop/trend/predict", (b'{"series": "north", "horizon": 3}',)),
    "choose": Target("POST", "/v1/shop/channel/predict", (b'{"user_id": 7, "logins": 2, "orders": 3}',)),
    "segment batch": Target("POST", "/v1/shop/habits/predict:batch", (b'{"user_id": 7, "logins": 2, "orders": 3}\n' * 3,)),
    "app route": Target("POST", "/recommend", (b'{"user_id": "7", "top_k": 2}',)),
    "events": Target("POST", "/v1/helios/events/metrics", (_ROW, b"[" + _ROW + b"," + _LATER + b"]", _ROW + b"\n" + _LATER)),
    "events of text": Target("POST", "/v1/shop/events/taken", (
        b'{"timestamp": "2024-01-03", "user_id": 7, "item": "i1", "n": 2}\n{"timestamp": 1704067200, "user_id": "8", "item": "i2", "n": 1}',
    )),
    "feedback": Target("POST", "/v1/feedback", (
        b'[{"app": "helios", "task": "anomaly", "entity": "a", "from": "2024-01-01T00:00:00Z", "to": "2024-01-02T00:00:00Z", "label": 1}]',
        b'{"prediction_id": "97969835addb6af0-00000000", "label": 0}',
    )),
    "job": Target("POST", "/v1/jobs", (b'{"app": "helios", "task": "anomaly", "reason": "asked for"}',)),
    "promote": Target("POST", "/v1/versions/helios/anomaly/promote", (b'{"version": 1, "reason": "why", "override": true}',)),
    "arrow batch": Target("POST", "/v1/helios/anomaly/predict:batch", (_arrow(2), _arrow(30)), (("content-type", _ARROW),)),
    "arrow batch of segments": Target("POST", "/v1/shop/habits/predict:batch", (_visits(3),), (("content-type", _ARROW),)),
    "infer": Target("POST", "/v2/models/helios.anomaly/infer", (_infer(1), _infer(2))),
    "query string": Target("GET", "/parts/left%20one/versions", (b"kind=anomaly&limit=3",)),
    "predictions": Target("GET", "/v1/predictions/helios/anomaly", (b"limit=100",)),
    "path": Target("GET", "", (b"/v1/predictions/97969835addb6af0-00000000", b"/v1/versions/helios/anomaly/history", b"/v1/jobs/x")),
    "key": Target("GET", "/v1/jobs", (b"Bearer s3cret", b"s3cret"), (("authorization", ""),)),
}  # fmt: skip


def make_home(folder: Path) -> Path:
    """A home in which each task of a small app, and one of helios, has a champion."""
    opened = open_folder(folder / "home")
    registry = Registry(opened.state, opened.artifacts)
    for app, task, estimator in [(HELIOS, ANOMALY, "robust_z"), *((SHOP, task, "") for task in SHOP.tasks)]:
        _train(registry, app, task, estimator, folder / app.name / task.name)
    opened.close()
    return folder / "home"


def _train(registry: Registry, app: App, task: Task, estimator: str, directory: Path) -> None:
    checked = check_simulated(app, task.event, Simulation(days=4, seed=1) if app is HELIOS else Simulation())
    rows = rows_from_checked("simulated", checked, task, where=task.name)
    parameters: dict[str, Any] = {"k": 2, "n_init": 1} if task.kind == "segment" else {}
    choices = TrainingChoices(estimator=estimator, parameters=parameters)
    directory.parent.mkdir(exist_ok=True)
    one = train_version(app, task, rows, choices, directory=directory, progress=lambda *_: None)
    registry.register(
        app.name, task.name, bundle=one.directory, sha256=one.files.sha256, files=one.files.files,
        estimator=one.manifest.estimator, data_kind="simulated", outcome="pass", metrics={}, facts={}, actor="test", now=NOW,
    )  # fmt: skip
    registry.promote(app.name, task.name, 1, actor="test", reason="first", now=NOW)


class Exchange:
    """A request's body, and what is answered to it."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.parts: list[bytes] = []
        self._body = body

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # In pieces, as a network gives them.
        for start in range(0, len(self._body), 97):
            yield self._body[start : start + 97]

    def response_bytes(self, status: int, _headers: object, body: bytes) -> None:
        self.status, self.parts = status, [body]

    def response_str(self, status: int, _headers: object, body: str) -> None:
        self.response_bytes(status, _headers, body.encode())

    def response_stream(self, status: int, _headers: object) -> "Exchange":
        self.status = status
        return self

    async def send_bytes(self, data: bytes) -> None:
        self.parts.append(data)


class Headers:
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, key: str, default: Any = None) -> Any:
        return next((value for name, value in self._pairs if name == key), default)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


async def send(application: Any, target: Target, body: bytes) -> tuple[int, str]:
    """The status, and what is wrong with the answer, or ""."""
    path, query, headers, sent = target.path, "", [("content-length", str(len(body))), *target.headers], body
    if target.method == "GET":
        sent, headers = b"", []
        # The server refuses what is not ASCII here; escaped, anything may come.
        text = body.decode("latin-1") if target.headers else quote(body, safe=_PRINTABLE)
        if target.headers:
            headers = [(name, text) for name, _ in target.headers]
        elif target.path:
            query = text
        else:
            path = "/" + text.lstrip("/")
    exchange = Exchange(sent)
    scope = SimpleNamespace(
        proto="http", http_version="1.1", method=target.method, path=path, query_string=query, scheme="http",
        server="127.0.0.1:8000", client="127.0.0.1:50000", headers=Headers(headers),
    )  # fmt: skip
    await application.__rsgi__(scope, exchange)
    if exchange.status not in ALLOWED and not 400 <= exchange.status < 500:
        return exchange.status, f"status {exchange.status}"
    if target.path.endswith(":batch") and exchange.status == 200 and not target.headers:
        told = [json.loads(line) for line in b"".join(exchange.parts).splitlines()]
        broken = [line for line in told if "error" in line and not 400 <= line["error"]["status"] < 500]
        return exchange.status, f"in a batch: {broken[0]}" if broken else ""
    return exchange.status, ""
