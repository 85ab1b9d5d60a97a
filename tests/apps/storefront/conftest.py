import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telltale.apps.storefront import APP
from telltale.contract.route import RouteRequest
from telltale.contract.simulation import Simulation
from telltale.home import open_home
from telltale.serve.edge import Edge, open_edge
from telltale.serve.guard.caller import LOCAL, OPERATOR
from telltale.serve.routes.route_context import RouteContext
from telltale.serve.settings import ServeSettings
from telltale.train.fitted import TrainingChoices

Ask = Callable[..., Any]


def train(home: Path, task: str, estimator: str, n_rows: int) -> str:
    """A version of few rows; its label."""
    parameters: dict[str, int | float | str] = {"n_init": 1} if task == "activity" else {}
    choices = TrainingChoices(estimator=estimator, parameters=parameters)
    with open_home(home) as opened:
        trained = opened.train(f"storefront/{task}", choices=choices, simulation=Simulation(n_rows=n_rows))
    return trained.version.label


def promote(home: Path, task: str, reference: str) -> None:
    with open_home(home) as opened:
        opened.promote(f"storefront/{task}", reference, actor="test", reason="a test", override=True)


@pytest.fixture(scope="session")
def requests_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions of requests; 1, then 2, were made champion."""
    home = tmp_path_factory.mktemp("requests") / "home"
    for estimator in ("robust_z", "decision_tree", "logistic_regression"):
        train(home, "requests", estimator, 2_000)
    for number in ("1", "2"):
        promote(home, "requests", number)
    return home


@pytest.fixture(scope="session")
def shop_home(requests_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion of every task."""
    home = tmp_path_factory.mktemp("shop") / "home"
    shutil.copytree(requests_home, home)
    for task, estimator, n_rows in (
        ("activity", "kmeans", 300),
        ("recommend", "popular", 1_500),
        ("trend", "seasonal_naive", 600),
    ):
        promote(home, task, train(home, task, estimator, n_rows))
    return home


@pytest.fixture
def settings(requests_home: Path, tmp_path: Path) -> ServeSettings:
    """A copy of the home with the versions of requests."""
    shutil.copytree(requests_home, tmp_path / "home")
    return ServeSettings(home=str(tmp_path / "home"), apps=("telltale.apps.storefront:APP",))


@pytest.fixture
def open_context(settings: ServeSettings) -> Iterator[Callable[..., RouteContext]]:
    edges: list[Edge] = []

    def open_one(**changed: Any) -> RouteContext:
        edge = open_edge(msgspec.structs.replace(settings, **changed))
        edge.versions.refresh()
        edges.append(edge)
        return RouteContext(edge, LOCAL if edge.guard.is_open else OPERATOR)

    yield open_one
    for edge in edges:
        edge.close()


@pytest.fixture
def context(open_context: Callable[..., RouteContext]) -> RouteContext:
    return open_context()


@pytest.fixture
def ask() -> Ask:
    """Asks a route as a request would, without a socket: decoded into its types, and what it answers as JSON has it."""

    def one(context: RouteContext | None, path: str, given: object = None, **parts: str) -> Any:
        route = next(route for route in APP.routes if route.path == path)
        assert callable(route.handle)
        request = RouteRequest(
            path=parts,
            query=None if route.query is None else msgspec.convert(given or {}, route.query, strict=False),
            body=None if route.body is None else msgspec.convert(given, route.body),
        )
        return msgspec.json.decode(msgspec.json.encode(route.handle(context, request)))

    return one
