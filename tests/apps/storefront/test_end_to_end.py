"""A shop's client against a server and a worker, as the promised paths are documented: rows in, training, schedules, versions,
back; beside a real backend that has the shop's rows.
"""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.apps.storefront.quick_shop import APP
from tests.apps.storefront.test_routes import call
from tests.telemetry.backend.server import Asked, Reply, backend_of, fault, json_reply

from telltale.contract.simulation import Simulation
from telltale.retrain.apart import Apart
from telltale.retrain.worker import Worker
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

pytestmark = [pytest.mark.slow, pytest.mark.server]

# As a worker starts it, but for giving way to all others: beside other tests it would never come to an end.
JOB_PROCESS = (
    sys.executable,
    "-c",
    "from telltale.home import job_process as job; job.give_way = lambda: None; job.main()",
)
SHOP = "tests.apps.storefront.quick_shop:APP"
KEY = "a-key-of-the-operator"
N_ROWS = {"request": 900, "activity": 240, "interaction": 600, "series": 400}
MODEL_TYPES = ("anomaly", "clustering", "recommendation", "trend")
PAGE = 250


def shop_rows(event: str) -> list[dict[str, Any]]:
    frame = APP.simulate(event, Simulation(n_rows=N_ROWS[event], start=APP.start))
    times = frame["timestamp"].dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return frame.with_columns(timestamp=times).to_dicts()


class Shop:
    """The backend's rows by path, in pages; down where `is_down`."""

    def __init__(self) -> None:
        self.is_down = False
        self.rows = {path: shop_rows(event) for event, path in APP.backend_paths.items() if event in N_ROWS}

    def __call__(self, asked: Asked) -> Reply:
        if self.is_down:
            return fault(503)
        rows = [row for row in self.rows[asked.path] if row["timestamp"] >= asked.query.get("since", "")]
        at = int(asked.query.get("cursor", "0"))
        return json_reply({"items": rows[at : at + PAGE], "next": at + PAGE if at + PAGE < len(rows) else None})


@contextmanager
def up(home: Path, *, key: str = "", keep_versions: int = 10) -> Iterator[str]:
    """A server, and a worker that retrains in processes of its own; the server's address."""
    settings = ServeSettings(home=str(home), apps=(SHOP,), operator_key=key, refresh_s=0.1)
    folder, stop = open_folder(home), threading.Event()
    apart = Apart(command=JOB_PROCESS, apps=(SHOP,), log_level="warning")
    worker = Worker(folder=folder, apps={"storefront": APP}, keep_versions=keep_versions, apart=apart)
    thread = threading.Thread(target=worker.run, args=(stop,), kwargs={"poll_s": 0.1})
    with start_background(settings) as server:
        thread.start()
        try:
            yield server.url
        finally:
            stop.set()
            thread.join()
            folder.close()


def trained(url: str, model_type: str, *, key: str = "") -> dict[str, dict[str, Any]]:
    """Ask for training as a client does, and wait; each job's result by its task."""
    path, body = ("/train", None) if model_type == "all" else ("/scheduler/trigger", {"model_type": model_type})
    status, accepted = call(url, "POST", path, body, key=key)
    assert (status, accepted["status"]) == (202, "accepted"), accepted
    found = {}
    give_up_at = time.monotonic() + 120
    for job in accepted["jobs"]:
        while True:
            told = call(url, "GET", f"/v1/jobs/{job['job_id']}")[1]
            if told["finished_at"] is not None:
                break
            assert time.monotonic() < give_up_at, told
            time.sleep(0.1)
        assert told["state"] == "done", told
        found[job["model_type"]] = told["result"]
    return found


def versions_of(url: str, model_type: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(url, "GET", f"/models/versions?model_type={model_type}")[1]["versions"]
    return found


def test_a_shops_client_trains_looks_after_and_takes_back_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, shop = tmp_path / "home", Shop()
    with backend_of(shop) as backend:
        monkeypatch.setenv("API_URL", backend.url)
        monkeypatch.setenv("API_KEY", "shop-key")
        with up(home) as url:
            _train_everything(url, backend.url)
            assert {asked.key for asked in backend.asked} == {"shop-key"}
            _look_after_schedules(url)
            _predict_and_count(url)
            _a_clients_word_moves_nothing(url)
            shop.is_down = True
            _train_while_the_backend_is_away(url)
            shop.is_down = False
        with up(home, key=KEY, keep_versions=2) as url:
            _with_a_key(url)


def _train_everything(url: str, source: str) -> None:
    """POST /train reads the backend, page by page, and trains all four on its rows."""
    assert call(url, "POST", "/v1/storefront/events/request", shop_rows("request")[:10])[1]["accepted"] == 10
    results = trained(url, "all")

    assert set(MODEL_TYPES) <= set(results)
    for model_type, result in results.items():
        assert result["source"].startswith(source), result
        assert not result["is_stale"]
        (version,) = versions_of(url, model_type)
        assert re.fullmatch(r"\d{8}_\d{6}", version["version_id"])
        assert (version["number"], version["data_kind"]) == (1, "store")
        assert version["status"] == ("production" if result["action"] == "promote" else "staging")


def _look_after_schedules(url: str) -> None:
    status, told = call(url, "GET", "/scheduler/status")
    assert (status, told["status"]) == (200, "active")
    promised = {"anomaly": "0 * * * *", "clustering": "0 2 * * *", "recommendation": "0 3 * * 0", "trend": "0 4 1 * *"}
    found = {job["id"]: job["cron"] for job in told["jobs"]}
    assert promised.items() | {("all", "0 5 * * 1")} <= found.items()
    assert set(MODEL_TYPES) <= {job["model_type"] for job in told["latest"]}
    assert call(url, "POST", "/scheduler/pause/anomaly")[1]["is_paused"]
    paused = {job["id"]: job["next_run_at"] for job in call(url, "GET", "/scheduler/status")[1]["jobs"]}
    assert [name for name, at in paused.items() if at is None] == ["anomaly"]
    assert not call(url, "POST", "/scheduler/resume/anomaly")[1]["is_paused"]
    assert call(url, "POST", "/scheduler/pause/nothing")[0] == 400
    # Asked for twice before a worker comes to it, it is one job.
    first, second = (call(url, "POST", "/scheduler/trigger", {"model_type": "clustering"})[1]["jobs"][0] for _ in "ab")
    assert first["job_id"] == second["job_id"] or first["status"] != "queued"
    _await(lambda: len(versions_of(url, "clustering")) == 2)


def _predict_and_count(url: str) -> None:
    """What E-31 asks `/metrics` for is there."""
    champions = {one["model_type"] for one in versions_of(url, "all") if one["status"] == "production"}
    assert champions, "no version was promoted"
    if "clustering" in champions:
        counts = {"login_count": 10, "purchase_count": 5, "cart_count": 8, "favorite_count": 12}
        assert call(url, "POST", "/analyze/user", counts)[0] == 200
    page = _metrics(url)
    for name in (
        "telltale_training_total",
        "telltale_job_total",
        'telltale_jobs{app="storefront",state="done"',
        "telltale_champion_figure{",
        'telltale_route_seconds_count{app="storefront",method="GET",path="/scheduler/status",status="200"}',
        'telltale_route_seconds_count{app="storefront",method="POST",path="/scheduler/pause/{job_id}",status="400"}',
        "telltale_source_age_seconds{",
        "telltale_source_stale{",
    ):
        assert name in page, name
    if "clustering" in champions:
        assert re.search(r'telltale_prediction_seconds_count\{app="storefront",role="champion",task="activity"', page)


def _metrics(url: str) -> str:
    from urllib.request import urlopen

    with urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - ours
        text: str = answer.read().decode()
    return text


def _a_clients_word_moves_nothing(url: str) -> None:
    """T-11: what a client reports is kept and shown; without a key nothing is decided by it."""
    newest = versions_of(url, "clustering")[0]
    report = {"model_type": "clustering", "version_id": newest["version_id"], "performance_metrics": {"accuracy": 0.01}}
    assert call(url, "POST", "/models/performance", report)[1]["evidence"] == "client"
    best = call(url, "GET", "/models/best?model_type=clustering&metric=accuracy")[1]
    assert best["metric"] == "bootstrap_ari"
    assert best["value"] == max(one["metrics"]["bootstrap_ari"] for one in versions_of(url, "clustering"))
    told = call(
        url, "POST", "/models/auto-rollback", {"model_type": "clustering", "current_metrics": {"accuracy": 0.01}}
    )
    assert (told[0], told[1]["rolled_back"]) == (200, False)
    assert "without an operator key" in told[1]["reason"] or "no version is in production" in told[1]["reason"]


def _train_while_the_backend_is_away(url: str) -> None:
    """Nothing is made up: what is stored is trained on, and the job says how old it is."""
    result = trained(url, "clustering")["clustering"]

    assert result["is_stale"], result
    assert "STALE" in result["reason"]
    assert "503" in result["reason"]
    alarms = call(url, "GET", "/v1/alarms")[1]
    assert "source_stale" in str(alarms)
    assert re.search(r'telltale_source_stale\{.*event="activity".*\} 1\.0', _metrics(url))


def _with_a_key(url: str) -> None:
    for method, path, body in (
        ("POST", "/train", None),
        ("POST", "/scheduler/trigger", {"model_type": "all"}),
        ("POST", "/scheduler/pause/anomaly", None),
        ("POST", "/models/rollback", {"model_type": "clustering", "version_id": 1}),
        ("POST", "/models/performance", {"model_type": "clustering", "version_id": 1, "performance_metrics": {"a": 1}}),
        ("POST", "/models/auto-rollback", {"model_type": "clustering", "current_metrics": {"accuracy": 0.1}}),
    ):
        assert call(url, method, path, body)[0] == 401, path
    newest, before, oldest = versions_of(url, "clustering")
    assert newest["status"] == "production"
    assert call(url, "POST", "/scheduler/pause/trend", key=KEY)[1]["is_paused"]
    assert call(url, "POST", "/scheduler/resume/trend", key=KEY)[0] == 200
    # The worker tidied when it began: two versions are kept, and what is gone cannot be gone back to.
    _await(lambda: [one["is_kept"] for one in versions_of(url, "clustering")] == [True, True, False])
    status, told = call(url, "POST", "/models/rollback", _back_to(oldest), key=KEY)
    assert (status // 100, "removed" in told["detail"]) == (4, True), told
    told = call(url, "POST", "/models/rollback", _back_to(before), key=KEY)[1]
    assert (told["version"]["number"], told["before"]) == (2, newest["version_id"])
    assert {one["number"]: one["status"] for one in versions_of(url, "clustering")}[2] == "production"
    word = {"model_type": "clustering", "current_metrics": {"accuracy": 0.1}}
    status, told = call(url, "POST", "/models/auto-rollback", word, key=KEY)
    assert (status, told["evidence"]) == (200, "client"), told
    assert call(url, "POST", "/scheduler/trigger", {"model_type": "clustering"}, key=KEY)[0] == 202


def _back_to(version: dict[str, Any]) -> dict[str, str]:
    return {"model_type": "clustering", "version_id": version["version_id"]}


def _await(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
