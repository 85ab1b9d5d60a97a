import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.rsgi_transport import RsgiTransport
from tests.serve.shop import APP as SHOP

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.serve.edge import Edge, open_edge
from telltale.serve.routes.application import make_application
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import Trained, TrainingRows, train_version

NOW = datetime(2024, 12, 1, tzinfo=UTC)
ROW: dict[str, Any] = {
    "timestamp": "2024-01-03T14:30:00Z",
    "service": "checkout",
    "event_count": 1000,
    "error_rate": 0.01,
    "p50_latency_ms": 42.5,
    "p95_latency_ms": 100.25,
    "p99_latency_ms": 130.75,
}


@pytest.fixture
def row() -> dict[str, Any]:
    """A row as it usually is."""
    return dict(ROW)


@pytest.fixture
def strange() -> dict[str, Any]:
    """A row that no version could take for normal."""
    return ROW | {"error_rate": 0.4, "p99_latency_ms": 4000}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    """Two versions of helios/anomaly, each of its own estimator, so that their scores differ."""
    checked = check_simulated(APP, ANOMALY.event, Simulation(days=4, seed=1))
    data = TrainingRows(
        kind="simulated", train=checked.frame[:864], held_out=checked.frame[864:], columns=checked.columns
    )
    folder = tmp_path_factory.mktemp("bundles")
    return [
        train_version(
            APP, ANOMALY, data, TrainingChoices(estimator=name), directory=folder / name, progress=lambda *_: None
        )
        for name in ("robust_z", "isolation_forest")
    ]


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A version that reads fewer columns, in another order."""
    checked = check_simulated(APP, ANOMALY.event, Simulation(days=4, seed=1))
    columns = ("p99_latency_ms", "event_count", "error_rate")
    data = TrainingRows(kind="simulated", train=checked.frame[:864], held_out=checked.frame[864:], columns=columns)
    folder = tmp_path_factory.mktemp("narrow") / "bundle"
    choices = TrainingChoices(estimator="robust_z")
    return train_version(APP, ANOMALY, data, choices, directory=folder, progress=lambda *_: None)


@pytest.fixture
def register() -> Callable[[Path, Trained], None]:
    """Registers one more version in a home."""

    def one_more(path: Path, one: Trained) -> None:
        folder = open_folder(path)
        _register(Registry(folder.state, folder.artifacts), one)
        folder.close()

    return one_more


@pytest.fixture(scope="session")
def trained_home(trained: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both versions registered and the first promoted; `home` is a copy of it."""
    return _make_home(tmp_path_factory.mktemp("trained") / "home", trained)


@pytest.fixture
def home(tmp_path: Path, trained_home: Path, trained: list[Trained], *, kept_on_a_server: bool) -> Path:
    """A folder with both versions registered and the first promoted."""
    if kept_on_a_server:
        return _make_home(tmp_path / "home", trained)
    return shutil.copytree(trained_home, tmp_path / "home")


@pytest.fixture(scope="session")
def kept_on_a_server(pytestconfig: pytest.Config) -> bool:
    """Whether homes have their databases elsewhere, so that to copy the folder is not enough."""
    return pytestconfig.pluginmanager.hasplugin("tests.on_postgresql")


def _make_home(path: Path, versions: list[Trained]) -> Path:
    """All registered, and the first of each task promoted."""
    folder = open_folder(path)
    registry = Registry(folder.state, folder.artifacts)
    for one in versions:
        _register(registry, one)
    for app, task in dict.fromkeys((one.manifest.app, one.manifest.task) for one in versions):
        registry.promote(app, task, 1, actor="test", reason="first", now=NOW)
    folder.close()
    return path


def _register(registry: Registry, one: Trained) -> None:
    registry.register(
        one.manifest.app,
        one.manifest.task,
        bundle=one.directory,
        sha256=one.files.sha256,
        files=one.files.files,
        estimator=one.manifest.estimator,
        data_kind="simulated",
        outcome="pass",
        metrics={},
        facts={},
        actor="test",
        now=NOW,
    )


@pytest.fixture
def settings(home: Path) -> ServeSettings:
    return ServeSettings(home=str(home), apps=("telltale.apps.helios:APP",), flush_s=0.05)


@pytest.fixture(scope="session")
def shop_bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    """A version of each task of the small app."""
    folder = tmp_path_factory.mktemp("shop")
    found = []
    for task in SHOP.tasks:
        checked = check_simulated(SHOP, task.event, Simulation())
        rows = rows_from_checked("simulated", checked, task, where=task.name)
        choices = TrainingChoices(parameters={"k": 2, "n_init": 1} if task.kind == "segment" else {})
        found.append(train_version(SHOP, task, rows, choices, directory=folder / task.name, progress=lambda *_: None))
    return found


@pytest.fixture(scope="session")
def shop_home(shop_bundles: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a version of each task is promoted."""
    return _make_home(tmp_path_factory.mktemp("shop") / "home", shop_bundles)


@pytest.fixture
def shop_settings(
    tmp_path: Path, shop_home: Path, shop_bundles: list[Trained], *, kept_on_a_server: bool
) -> ServeSettings:
    """A home in which a version of each task is promoted."""
    if kept_on_a_server:
        _make_home(tmp_path / "shop", shop_bundles)
    else:
        shutil.copytree(shop_home, tmp_path / "shop")
    return ServeSettings(home=str(tmp_path / "shop"), apps=("tests.serve.shop:APP",), flush_s=0.05)


class Client:
    """Requests to the whole application, without a socket."""

    def __init__(self, settings: ServeSettings) -> None:
        self.edge: Edge = open_edge(settings)
        self.edge.start()
        self._runner = asyncio.Runner()
        self._transport = RsgiTransport(make_application(self.edge))

    def request(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if method == "POST" else {}

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8000") as client:
                return await client.request(method, path, content=content, headers=kind | headers)

        return self._runner.run(send())

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return self.request("POST", path, body, **headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)

    def close(self) -> None:
        self.edge.close()
        self._runner.close()


@pytest.fixture(scope="session")
def make_client() -> Callable[[ServeSettings], Client]:
    """Opens a client that whoever asks for it closes."""
    return Client


@pytest.fixture
def open_client(settings: ServeSettings) -> Iterator[Callable[..., Client]]:
    clients = []

    def open_one(changed: ServeSettings = settings) -> Client:
        clients.append(Client(changed))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def client(open_client: Callable[..., Client]) -> Client:
    return open_client()


@pytest.fixture
def shop(open_client: Callable[..., Client], shop_settings: ServeSettings) -> Client:
    """The small app, served."""
    return open_client(shop_settings)


@pytest.fixture
def damage(home: Path) -> Callable[[int], None]:
    """Changes one byte of a registered version's arrays."""

    def spoil(number: int) -> None:
        file = home / "artifacts" / "helios" / "anomaly" / str(number) / "arrays.safetensors"
        shutil.copy(file, file.with_suffix(".was"))
        file.chmod(0o600)
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        file.with_suffix(".was").unlink()

    return spoil
