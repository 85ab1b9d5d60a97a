"""A policy that learns while it serves: which peer a block is fetched from, told by what came of it. Half a minute, no file.

    python examples/pakit_peers.py

A log of requests to twelve peers is made up, as a store would have kept it; `pakit/peers` is trained on it, judged off-policy,
promoted and served. Then blocks are fetched: each request asks the server for a peer, and tells it afterwards what the fetch
took (`/v1/feedback` with the prediction's id). A worker learns from that once a second. In the middle the peer that was asked
most breaks down; the last lines show how soon nobody is sent there any more, and how what was learned is taken back.
"""

import json
import threading
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import telltale
from telltale.apps.pakit.peers import TIME_OUT_MS
from telltale.contract.simulation import Simulation
from telltale.home.apps import app_references
from telltale.home.home import Home
from telltale.registry.learned import learned_history, revert_learned
from telltale.retrain.duties import Desk, Duty, start_duties
from telltale.retrain.learning import EVERY_S, learn
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

TASK = "pakit/peers"
PEERS = [f"peer-{number:02d}" for number in range(12)]
N_A_TURN, N_TURNS = 60, 8
CONTEXT = {"block_size_log": 4.8, "network_load": 0.3}


def post(url: str, path: str, body: object) -> Any:
    """The answer to a request."""
    request = urllib.request.Request(f"{url}{path}", data=json.dumps(body).encode(), method="POST")  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        return json.load(reply)


def train(home: Home) -> None:
    """From a log in which each peer was asked by chance, with its probability: what the policy would have been worth."""
    trained = home.train(TASK, simulation=Simulation(seed=0))
    figures = trained.manifest.metrics
    told = ", ".join(f"{name} {figures[name]:.0f}" for name in ("value_logged", "value_dr", "gain_dr"))
    print(
        f"trained on {trained.manifest.trained_on.n_rows} requests, the gate says {trained.version.outcome}; ms: {told}"
    )
    home.promote(TASK, str(trained.version.number), actor="example", reason="the gate passed")


def fetch(url: str, rng: np.random.Generator, *, broken: str) -> str:
    """Ask for a peer, fetch from it, tell what came of it; whom was asked."""
    answer = post(url, f"/v1/{TASK}/predict", {"available_peers": PEERS, "context": CONTEXT})
    peer: str = answer["action"]["peer_id"]
    took_ms = rng.lognormal(3.7, 0.4) * (1 + PEERS.index(peer) / 12)
    came = peer != broken and took_ms < TIME_OUT_MS
    outcome = {"success": 1, "latency_ms": took_ms} if came else {"success": 0}
    post(url, "/v1/feedback", {"prediction_id": answer["prediction_id"], "outcome": outcome})
    return peer


def use(url: str) -> None:
    """Turns of fetches; after half of them the peer that was asked most is down."""
    rng, broken, asked = np.random.default_rng(0), "", Counter[str]()
    for turn in range(N_TURNS):
        if turn == N_TURNS // 2:
            broken = asked.most_common(1)[0][0]
            print(f"now {broken} is down")
        of_turn = Counter(fetch(url, rng, broken=broken) for _ in range(N_A_TURN))
        asked += of_turn
        most = ", ".join(f"{peer} {n}" for peer, n in of_turn.most_common(3))
        print(f"turn {turn + 1}: {most}" + (f"; {broken} {of_turn[broken]}" if broken else ""))
        time.sleep(2 * EVERY_S)  # the worker learns, the server takes it up


def main() -> None:
    """Train, serve, fetch, learn, and take back what was learned."""
    with TemporaryDirectory(prefix="telltale-") as name, telltale.open(Path(name) / "home") as home:
        train(home)
        stop = threading.Event()
        desk = Desk(folder=home.folder, apps=home.apps)
        threads = start_duties(desk, [Duty(name="learning", every_s=EVERY_S, do=learn)], stop)
        with start_background(ServeSettings(home=str(home.folder.path), apps=app_references())) as server:
            use(server.url)
        stop.set()
        for thread in threads:
            thread.join()
        steps = learned_history(home.folder.events, ("pakit", "peers", 1))
        print(f"{len(steps)} steps, the last after {steps[0].n_rows} outcomes")
        back = revert_learned(
            home.folder.events, ("pakit", "peers", 1), steps[-1].number, actor="example", now=datetime.now(UTC)
        )
        print(f"step {back.number}: {back.reason}, what {back.n_rows} outcomes taught")


if __name__ == "__main__":
    main()
