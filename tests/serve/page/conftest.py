import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from tests.apps.personhood.chromium import Page, open_browser
from tests.serve.conftest import NOW, ROW
from tests.serve.page.sent_forms import KEY

import telltale
from telltale.contract.errors import NotFoundError
from telltale.contract.simulation import Simulation
from telltale.registry.api_keys import create_key, revoke_key
from telltale.registry.registry import Registry
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.version import Trained

OPERATOR: Final = "plain-operator-key"
HOSTILE: Final = "<script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">"
_APPS: Final = ("telltale.apps.helios:APP",)
_ENTITIES: Final = 8
_ROUNDS: Final = 5


@dataclass(frozen=True)
class Site:
    """A server with keys and three versions of helios/anomaly, the first promoted; and a way to open tabs of a browser.

    Args:
        url: of the server.
        home: its folder.
        reader: a key that may only read.
        open_tab: opens one.
    """

    url: str
    home: Path
    reader: str
    open_tab: Any

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers, to the operator's key."""
        headers = {"authorization": f"Bearer {OPERATOR}", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())

    @property
    def champion(self) -> int:
        """The number of the version that decides."""
        found = self.ask("GET", "/v1/versions/helios/anomaly")
        return int(next(one["number"] for one in found if one["role"] == "champion"))


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three versions of helios/anomaly, of which the gate lets the first and third pass; the first is promoted for a hostile reason."""
    home = tmp_path_factory.mktemp("pages") / "home"
    with telltale.open(home) as ours:
        for seed, days, estimator in ((0, 7, "isolation_forest"), (2, 6, "robust_z"), (7, 6, "robust_z")):
            choices = TrainingChoices(estimator=estimator, seed=seed)
            ours.train("helios/anomaly", choices=choices, simulation=Simulation(days=days, seed=seed))
        ours.promote("helios/anomaly", "1", actor="test", reason=HOSTILE, override=True)
    return home


@pytest.fixture(scope="module")
def site(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Served for one file of tests, with some traffic and labels."""
    scratch = tmp_path_factory.mktemp("site")
    home = scratch / "home"
    shutil.copytree(grown, home)
    folder = open_folder(home)
    reader = create_key(folder.state, "looks", ["read"], actor="test", now=datetime.now(UTC)).secret
    folder.close()
    settings = ServeSettings(home=str(home), apps=_APPS, operator_key=OPERATOR, flush_s=0.05)
    with (
        start_background(settings) as server,
        open_browser(scratch / "browser") as open_tab,
    ):
        found = Site(url=server.url, home=home, reader=reader, open_tab=open_tab)
        answers = [
            found.ask(
                "POST",
                "/v1/helios/anomaly/predict",
                ROW | {"service": f"shop-{i % _ENTITIES}", "error_rate": 0.01 * (1 + i % 3)},
            )
            for i in range(_ENTITIES * _ROUNDS)
        ]
        for one in answers[:6]:
            found.ask("POST", "/v1/feedback", {"prediction_id": one["prediction_id"], "label": 0})
        yield found


@pytest.fixture
def tab(site: Site) -> Page:
    """A tab of a browser that nobody signed in with."""
    page: Page = site.open_tab()
    page.look(width=1_280, height=900)
    return page


@pytest.fixture(scope="module")
def homes(trained: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> list[ServeSettings]:
    """Two homes with two versions of helios/anomaly, the first promoted; the second asks for keys and has one that may read."""
    made = []
    for name, key in (("open", ""), ("locked", KEY)):
        folder = open_folder(tmp_path_factory.mktemp("pages") / name)
        registry = Registry(folder.state, folder.artifacts)
        for one in trained:
            registry.register(
                "helios", "anomaly", bundle=one.directory, sha256=one.files.sha256, files=one.files.files,
                estimator=one.manifest.estimator, data_kind="simulated", outcome="pass", metrics={}, facts={},
                actor="test", now=NOW,
            )  # fmt: skip
        registry.promote("helios", "anomaly", 1, actor="test", reason="first", now=NOW)
        made.append(ServeSettings(home=str(folder.path), apps=("telltale.apps.helios:APP",), operator_key=key))
        folder.close()
    return made


@pytest.fixture(scope="module")
def client(homes: list[ServeSettings], make_client: Callable[[ServeSettings], Any]) -> Iterator[Any]:
    """A server that asks for no key."""
    opened = make_client(homes[0])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def locked(homes: list[ServeSettings], make_client: Callable[[ServeSettings], Any]) -> Iterator[Any]:
    """A server that asks for keys."""
    opened = make_client(homes[1])
    yield opened
    opened.close()


@pytest.fixture
def reader(locked: Any) -> Iterator[str]:
    """A key that may only read."""
    state = locked.edge.folder.state
    made = create_key(state, "looks", ["read"], actor="test", now=datetime.now(UTC))
    locked.edge.guard.refresh()
    yield made.secret
    with suppress(NotFoundError):
        revoke_key(state, made.key.id, now=datetime.now(UTC))
