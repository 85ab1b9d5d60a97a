"""A shop from its events to answers: what is wrong, who is alike, what next, how much. Needs no file; about half a minute.

    python examples/storefront_shop.py

Requests, customers' months, interactions and daily sales are made up and ingested, as a real shop would send them; the
five tasks are trained on the store, promoted and served, and then asked over HTTP. The gates see rows that no version was
trained on.
"""

import json
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import telltale
from telltale.contract.simulation import Simulation
from telltale.home.apps import app_references, installed_apps
from telltale.home.home import Home
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.train.sources import simulated

TASKS = ("requests", "activity", "users", "recommend", "trend")


def ask(url: str, task: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of a task of the shop."""
    address = f"{url}/v1/storefront/{task}/predict"
    request = urllib.request.Request(address, data=json.dumps(body).encode(), method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        answer: dict[str, Any] = json.load(reply)
        return answer


def fill(home: Home, scratch: Path) -> None:
    """Make a shop's events up and ingest them."""
    app = installed_apps()["storefront"]
    for event in app.events:
        file = scratch / f"{event.name}.parquet"
        simulated(app, event.name, Simulation(seed=0)).write_parquet(file)
        checked, _ = home.ingest(f"storefront/{event.name}", file)
        print(f"{event.name}: {checked.frame.height} rows")


def train(home: Home) -> None:
    """Train and promote each task, and say what its gate measured."""
    for task in TASKS:
        trained = home.train(f"storefront/{task}")
        targets = (f"{one.name} {one.value:.2f} ({one.op} {one.limit:g})" for one in trained.manifest.verdict.targets)
        print(f"{task}: {trained.version.outcome} in {trained.seconds:.1f} s; {', '.join(targets)}")
        home.promote(
            f"storefront/{task}", str(trained.version.number), actor="example", reason="to look at", override=True
        )


def tell(url: str) -> None:
    """One question to each task."""
    page = {"method": "GET", "path": "/items/17", "error_count": 0}
    guess = {"method": "POST", "path": "/login", "body": "user=anna&password=123456", "status": 401, "error_count": 25}
    for what, asked in (("a customer's", page), ("a guesser's", guess)):
        answer = ask(url, "requests", {"response_time": 0.1, "request_size": 350, **asked})
        print(f"{what} request: {'ATTACK' if answer['decision'] else 'normal'}, score {answer['score']:.2f}")
    counts = {"login_count": 20, "purchase_count": 7, "cart_count": 9, "favorite_count": 5}
    answer = ask(url, "activity", counts)
    print(f"a customer of {counts['purchase_count']} purchases: {answer['name']}, as {answer['share']:.0%} are")
    answer = ask(url, "recommend", {"user_id": 123, "top_k": 5})
    print(f"for customer 123 ({answer['source']}): {', '.join(item['item'] for item in answer['items'])}")
    answer = ask(url, "trend", {"series": "product-01", "horizon": 3})
    for step in answer["steps"]:
        print(f"product-01, {step['time'][:10]}: {step['value']:.0f} ({step['low']:.0f} to {step['high']:.0f})")


def main() -> None:
    """Simulate, ingest, train, promote, serve, ask."""
    with TemporaryDirectory(prefix="telltale-") as name, telltale.open(Path(name) / "home") as home:
        fill(home, Path(name))
        train(home)
        with start_background(ServeSettings(home=str(home.folder.path), apps=app_references())) as server:
            tell(server.url)


if __name__ == "__main__":
    main()
