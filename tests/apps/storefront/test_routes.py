import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telltale.apps.storefront import APP
from telltale.contract.errors import ConflictError, GateError, NotFoundError, TelltaleError, UsageError
from telltale.retrain.jobs import read_jobs
from telltale.serve.routes.route_context import RouteContext
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

Ask = Callable[..., Any]
Open = Callable[..., RouteContext]
KEY = "a-key-of-the-operator"

ROWS = {"features": [[1, 2, 3], [4, 5, 6]], "labels": [0, 1]}
# Every promised path: method, path, the request as it is documented, the status, and fields of the answer.
PROMISED: tuple[tuple[str, str, object, int, set[str]], ...] = (
    ("GET", "/health", None, 200, {"status", "models_loaded"}),
    (
        "POST",
        "/analyze/request",
        {"response_time": 0.1, "request_size": 1024, "error_count": 0},
        200,
        {"is_anomaly", "anomaly_score", "threshold", "version", "prediction_id"},
    ),
    (
        "POST",
        "/analyze/user",
        {"login_count": 10, "purchase_count": 5, "cart_count": 8, "favorite_count": 12},
        200,
        {"cluster", "cluster_name", "distance", "version"},
    ),
    ("POST", "/recommend", {"user_id": 123, "top_k": 5}, 200, {"user_id", "recommendations", "source", "version"}),
    ("POST", "/analyze/trend", {"series": "product-01", "horizon": 7}, 200, {"series", "forecast", "method", "level"}),
    (
        "POST",
        "/train/manual-logistic",
        {**ROWS, "learning_rate": 0.01, "n_iterations": 1000, "regularization": "l2", "lambda_reg": 0.01},
        200,
        {"weights", "bias", "cost_history", "feature_importance", "training_metrics"},
    ),
    (
        "POST",
        "/train/manual-tree",
        {**ROWS, "max_depth": 5, "criterion": "gini"},
        200,
        {"tree", "nodes", "feature_importance", "training_metrics"},
    ),
    (
        "POST",
        "/compare/models",
        {**ROWS, "test_size": 0.2},
        200,
        {"logistic_regression", "decision_tree", "judged_on"},
    ),
    ("GET", "/scheduler/status", None, 200, {"status", "jobs", "latest"}),
    *(
        ("POST", "/scheduler/trigger", {"model_type": word}, 202, {"status", "jobs"})
        for word in ("anomaly", "clustering", "recommendation", "trend", "all")
    ),
    ("POST", "/train", None, 202, {"status", "jobs"}),
    ("POST", "/scheduler/pause/anomaly", None, 200, {"id", "is_paused", "next_run_at"}),
    ("POST", "/scheduler/resume/anomaly", None, 200, {"id", "is_paused", "next_run_at"}),
    ("GET", "/models/versions?model_type=anomaly", None, 200, {"model_type", "versions"}),
    ("GET", "/models/best?model_type=anomaly&metric=accuracy", None, 200, {"metric", "value", "version", "judged_on"}),
    (
        "POST",
        "/models/performance",
        {
            "model_type": "anomaly",
            "version_id": "VERSION",
            "performance_metrics": {"accuracy": 0.95, "precision": 0.92, "recall": 0.88},
        },
        200,
        {"version_id", "performance_metrics", "evidence"},
    ),
    (
        "POST",
        "/models/auto-rollback",
        {
            "model_type": "anomaly",
            "current_metrics": {"accuracy": 0.80},
            "threshold_metric": "accuracy",
            "degradation_threshold": 0.05,
        },
        200,
        {"rolled_back", "reason", "own", "current", "evidence"},
    ),
    (
        "POST",
        "/models/rollback",
        {"model_type": "anomaly", "version_id": "VERSION"},
        200,
        {"rolled_back", "version", "before"},
    ),
)


def call(url: str, method: str, path: str, body: object = None, *, key: str = "") -> tuple[int, Any]:
    """Status and decoded answer of a real request."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({"X-API-Key": key} if key else {})
    request = urllib.request.Request(url + path, data=content, headers=headers, method=method)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


@pytest.fixture
def shop_settings(shop_home: Path, tmp_path: Path) -> ServeSettings:
    shutil.copytree(shop_home, tmp_path / "shop")
    return ServeSettings(home=str(tmp_path / "shop"), apps=("telltale.apps.storefront:APP",))


@pytest.mark.server
def test_every_promised_path_answers_what_was_promised(shop_settings: ServeSettings) -> None:
    with start_background(shop_settings) as server:
        versions = call(server.url, "GET", "/models/versions?model_type=anomaly")[1]["versions"]
        oldest = versions[-1]["version_id"]
        for method, path, sent, status, fields in PROMISED:
            body = json.loads(json.dumps(sent).replace("VERSION", oldest))
            found, told = call(server.url, method, path, body)

            assert (path, found) == (path, status), told
            assert fields <= told.keys(), f"{path}: {sorted(told)}"


@pytest.mark.server
def test_without_a_version_or_with_a_wrong_body_a_path_says_what_to_do(tmp_path: Path) -> None:
    with start_background(
        ServeSettings(home=str(tmp_path / "empty"), apps=("telltale.apps.storefront:APP",))
    ) as server:
        status, told = call(server.url, "POST", "/recommend", {"user_id": 123, "top_k": 5})
        assert (status, told["type"]) == (503, "urn:telltale:unavailable")
        assert "telltale train storefront/recommend" in told["mend"]

        status, told = call(server.url, "POST", "/analyze/user", {"login_count": "many"})
        assert status == 422
        assert "Send one object with login_count, purchase_count, cart_count, favorite_count" in told["mend"]

        status, told = call(server.url, "GET", "/models/best?metric=accuracy")
        assert (status, "model_type" in told["detail"]) == (422, True)


def test_every_route_is_a_promised_path() -> None:
    promised = {(method, path.partition("?")[0].replace("/anomaly", "/{job_id}")) for method, path, *_ in PROMISED}

    assert {(route.method, route.path) for route in APP.routes} == promised - {("GET", "/health")}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/scheduler/trigger", {"model_type": "everything"}),
        ("/models/versions", {"model_type": "everything"}),
        ("/models/best", {"model_type": "all"}),
        ("/models/rollback", {"model_type": "requests", "version_id": "1"}),
    ],
)
def test_a_model_type_that_is_not_known_is_refused_with_the_known_ones(
    context: RouteContext, ask: Ask, path: str, sent: object
) -> None:
    with pytest.raises(UsageError, match=r"model_type: .* Known: (all, )?anomaly, clustering, recommendation, trend"):
        ask(context, path, sent)


def test_a_request_is_judged_by_the_version_that_serves(context: RouteContext, ask: Ask) -> None:
    usual = ask(context, "/analyze/request", {"response_time": 0.1, "request_size": 1024, "error_count": 0})
    attack = ask(context, "/analyze/request", {"response_time": 30, "request_size": 5e7, "error_count": 400})

    assert (usual["is_anomaly"], attack["is_anomaly"]) == (False, True)
    assert attack["anomaly_score"] > usual["anomaly_score"]
    assert (usual["version"], usual["is_anomaly"]) == (2, usual["decision"])


def test_versions_come_newest_first_in_the_clients_words(context: RouteContext, ask: Ask) -> None:
    context.registry.retire("storefront", "requests", 3, actor="test", reason="a test", now=datetime.now(UTC))

    found = ask(context, "/models/versions", {"model_type": "anomaly"})["versions"]

    assert [(one["number"], one["status"]) for one in found] == [(3, "archived"), (2, "production"), (1, "staging")]
    assert len({one["version_id"] for one in found}) == 3
    assert all(0 < one["metrics"]["accuracy"] <= 1 for one in found)
    assert ask(context, "/models/versions")["versions"] == found


def test_training_is_queued_once_however_often_it_is_asked_for(context: RouteContext, ask: Ask) -> None:
    first = ask(context, "/scheduler/trigger", {"model_type": "anomaly"})
    again = ask(context, "/train")

    assert [job["model_type"] for job in again["jobs"]] == ["anomaly", "clustering", "recommendation", "trend"]
    assert again["jobs"][0] == first["jobs"][0]
    queued = read_jobs(context.state)
    assert {job.id for job in queued} == {job["job_id"] for job in again["jobs"]}
    assert {job["job_id"] for job in ask(context, "/scheduler/status")["latest"]} == {job.id for job in queued}


def test_the_schedules_are_the_promised_ones_and_each_can_be_paused(context: RouteContext, ask: Ask) -> None:
    jobs = {job["id"]: job for job in ask(context, "/scheduler/status")["jobs"]}

    assert {name: job["cron"] for name, job in jobs.items()} == {
        "anomaly": "0 * * * *",
        "clustering": "0 2 * * *",
        "users": "15 2 * * *",
        "recommendation": "0 3 * * 0",
        "trend": "0 4 1 * *",
        "all": "0 5 * * 1",
    }
    assert jobs["all"]["model_types"] == ["anomaly", "clustering", "users", "recommendation", "trend"]
    for name in jobs:
        paused = ask(context, "/scheduler/pause/{job_id}", job_id=name)
        assert (paused["id"], paused["is_paused"], paused["next_run_at"]) == (name, True, None)
    assert ask(context, "/scheduler/status")["status"] == "paused"

    assert ask(context, "/scheduler/resume/{job_id}", job_id="trend")["next_run_at"] is not None
    assert ask(context, "/scheduler/status")["status"] == "active"
    with pytest.raises(UsageError, match=r"job_id: 'requests' is not known\. Known: all, anomaly"):
        ask(context, "/scheduler/pause/{job_id}", job_id="requests")


def test_rolling_back_serves_the_version_named_at_once(context: RouteContext, ask: Ask) -> None:
    label = context.registry.get("storefront", "requests", 1).label

    told = ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": label})

    assert (told["version"]["number"], told["version"]["status"]) == (1, "production")
    assert told["before"] == context.registry.get("storefront", "requests", 2).label
    assert context.places["storefront", "requests"].required().served.version == 1
    last = context.registry.history("storefront", "requests")[-1]
    assert (last.action, last.actor, last.reason) == ("rollback", "local", f"POST /models/rollback to {label}")
    with pytest.raises(ConflictError, match="in production already"):
        ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": 1})
    with pytest.raises(NotFoundError, match="There are: 1 "):
        ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": "20241201_143022"})


def test_a_version_that_failed_the_gate_and_never_decided_is_not_rolled_back_to(
    context: RouteContext, ask: Ask
) -> None:
    with context.state.write() as connection:
        connection.exec_driver_sql("UPDATE version SET outcome = 'fail' WHERE number IN (1, 3)")

    with pytest.raises(GateError, match="failed the gate"):
        ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": "3"})
    # Version 1 was champion: somebody overrode the gate for it, and going back is what rollback is for.
    assert ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": "1"})["rolled_back"]


def test_a_version_whose_files_were_changed_is_not_rolled_back_to(context: RouteContext, ask: Ask) -> None:
    version = context.registry.get("storefront", "requests", 1)
    file = version.path / "arrays.safetensors"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(TelltaleError, match="is not what was registered"):
        ask(context, "/models/rollback", {"model_type": "anomaly", "version_id": "1"})
    assert context.registry.champion("storefront", "requests").number == 2  # type: ignore[union-attr]


def test_what_a_client_reports_is_shown_and_makes_no_version_best(context: RouteContext, ask: Ask) -> None:
    before = ask(context, "/models/best", {"model_type": "anomaly", "metric": "accuracy"})
    told = {"model_type": "anomaly", "version_id": "1", "performance_metrics": {"accuracy": 1.0}}

    assert ask(context, "/models/performance", told)["evidence"] == "client"

    after = ask(context, "/models/best", {"model_type": "anomaly", "metric": "accuracy"})
    assert (after["version"]["number"], after["value"]) == (before["version"]["number"], before["value"])
    shown = ask(context, "/models/versions", {"model_type": "anomaly"})["versions"][-1]
    assert [one["performance_metrics"] for one in shown["reported"]] == [{"accuracy": 1.0}]
    assert shown["metrics"]["accuracy"] < 1.0


def test_the_best_is_the_highest_or_where_less_is_better_the_lowest(context: RouteContext, ask: Ask) -> None:
    versions = context.registry.versions("storefront", "requests")
    for metric, choose in (("accuracy", max), ("false_positive_rate", min)):
        expected = choose(version.metrics[metric] for version in versions)

        assert ask(context, "/models/best", {"model_type": "anomaly", "metric": metric})["value"] == expected
    with pytest.raises(UsageError, match=r"metric: 'luck' is not known\. Known: accuracy"):
        ask(context, "/models/best", {"model_type": "anomaly", "metric": "luck"})
    with pytest.raises(NotFoundError, match="there is no version"):
        ask(context, "/models/best", {"model_type": "trend"})


def test_versions_judged_on_real_rows_come_before_those_judged_on_simulated_ones(
    context: RouteContext, ask: Ask
) -> None:
    figures = {1: 0.7, 2: 0.9, 3: 0.99}
    with context.state.write() as connection:
        for number, accuracy in figures.items():
            kind = "simulated" if number == 3 else "store"
            connection.exec_driver_sql(
                "UPDATE version SET data_kind = ?, metrics = ? WHERE number = ?",
                (kind, json.dumps({"accuracy": accuracy}), number),
            )

    found = ask(context, "/models/best", {"model_type": "anomaly", "metric": "accuracy"})

    assert (found["version"]["number"], found["judged_on"]) == (2, "store rows held out of its own training")


WORSE = {"model_type": "anomaly", "current_metrics": {"accuracy": 0.1}}


def test_without_a_key_a_clients_word_moves_nothing(context: RouteContext, ask: Ask) -> None:
    told = ask(context, "/models/auto-rollback", WORSE)

    assert not told["rolled_back"]
    assert "without an operator key" in told["reason"]
    assert told["drop"] == pytest.approx(told["own"] - 0.1)
    assert context.registry.champion("storefront", "requests").number == 2  # type: ignore[union-attr]


def test_with_a_key_a_drop_rolls_back_and_the_ledger_says_whose_word_it_was(open_context: Open, ask: Ask) -> None:
    context = open_context(operator_key=KEY)

    told = ask(context, "/models/auto-rollback", WORSE)

    assert (told["rolled_back"], told["version"]["number"], told["evidence"]) == (True, 1, "client")
    last = context.registry.history("storefront", "requests")[-1]
    assert (last.action, last.actor) == ("rollback", "operator")
    assert last.reason.startswith("evidence: client; accuracy 0.1 as reported")
    assert context.places["storefront", "requests"].required().served.version == 1
    # There is nobody before the first: the next report changes nothing, and says so.
    assert "no earlier champion" in ask(context, "/models/auto-rollback", WORSE)["reason"]


@pytest.mark.parametrize(("metric", "worse"), [("accuracy", -1), ("false_positive_rate", 1)])
def test_only_a_drop_of_more_than_is_allowed_counts_in_the_direction_that_is_worse(
    open_context: Open, ask: Ask, metric: str, worse: int
) -> None:
    context = open_context(operator_key=KEY)
    own = context.registry.get("storefront", "requests", 2).metrics[metric]

    def report(change: float) -> bool:
        sent = {
            "model_type": "anomaly",
            "current_metrics": {metric: own + change},
            "threshold_metric": metric,
            "degradation_threshold": 0.05,
        }
        rolled_back: bool = ask(context, "/models/auto-rollback", sent)["rolled_back"]
        return rolled_back

    assert not report(-worse * 0.5)
    assert not report(worse * 0.04)
    assert report(worse * 0.06)


def test_a_figure_that_was_not_reported_or_that_the_version_has_not_is_refused(context: RouteContext, ask: Ask) -> None:
    with pytest.raises(UsageError, match="current_metrics: 'recall' is not known"):
        ask(context, "/models/auto-rollback", WORSE | {"threshold_metric": "recall"})
    with pytest.raises(UsageError, match=r"threshold_metric: 'luck' is not known\. Known: accuracy"):
        ask(
            context,
            "/models/auto-rollback",
            WORSE | {"current_metrics": {"luck": 0.1}, "threshold_metric": "luck"},
        )


def test_with_no_version_in_production_nothing_is_rolled_back(context: RouteContext, ask: Ask) -> None:
    told = ask(context, "/models/auto-rollback", WORSE | {"model_type": "trend"})

    assert (told["rolled_back"], told["reason"]) == (False, "no version is in production")


@pytest.mark.server
def test_with_a_key_writes_and_predictions_need_it_and_reading_versions_does_not(settings: ServeSettings) -> None:
    with start_background(msgspec.structs.replace(settings, operator_key=KEY)) as server:
        assert call(server.url, "GET", "/models/versions?model_type=anomaly")[0] == 200
        assert call(server.url, "GET", "/scheduler/status")[0] == 200
        for path, body in (
            ("/train", None),
            ("/scheduler/pause/anomaly", None),
            ("/models/auto-rollback", WORSE),
            ("/analyze/request", {"response_time": 0.1, "request_size": 1024, "error_count": 0}),
        ):
            assert call(server.url, "POST", path, body)[0] == 401, path
        assert call(server.url, "POST", "/train", key=KEY)[0] == 202
