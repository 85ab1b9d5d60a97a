"""The pages without a browser: what they show, what a form may do, and what every answer tells a browser to forbid."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serve.page.sent_forms import FORM, KEY, TASK, post, roles, signed_in, token

from telltale.apps.helios import APP
from telltale.contract.app import App
from telltale.contract.errors import UsageError
from telltale.contract.route import Route
from telltale.monitor.alarms import raise_alarm, resolve_alarm
from telltale.monitor.drift.decide import Drift, FeatureDrift
from telltale.monitor.drift.findings import Finding, keep_finding
from telltale.serve.page.quality_read import task_quality
from telltale.serve.page.task_at import find_task
from telltale.serve.page.task_quality import quality_part
from telltale.serve.routes.app_routes import check_routes
from telltale.serve.routes.page_routes import PAGE_PATHS
from telltale.serve.settings import ServeSettings


@pytest.mark.parametrize("path", ["/", TASK, "/ui/nothing", "/ui/sign-in", f"{TASK}/promote?version=1"])
def test_a_page_may_run_nothing_load_nothing_from_elsewhere_and_be_framed_by_nobody(locked: Any, path: str) -> None:
    answer = locked.get(path, **signed_in(locked))

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    # With "no-referrer" a browser would say "Origin: null" of our own forms, which is refused.
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "style=" not in answer.text
    assert "<script" not in answer.text


def test_the_style_is_kept_by_browsers_under_an_address_that_changes_with_it(locked: Any) -> None:
    page = locked.get("/ui/sign-in").text
    address = page.split('rel="stylesheet" href="')[1].partition('"')[0]

    style = locked.get(address)

    assert address.startswith("/ui/style.css?")
    assert style.headers["content-type"].startswith("text/css")
    assert "immutable" in style.headers["cache-control"]
    assert b"--ink" in style.content


def test_a_form_without_the_token_of_its_session_does_nothing(locked: Any) -> None:
    cookie = signed_in(locked)
    another = token(locked, signed_in(locked))

    for given in ("", "0" * 32, another):
        answer = post(locked, f"{TASK}/promote", {"version": "2", "reason": "forged", "token": given}, **cookie)
        assert answer.status_code == 403
        assert "not from a page of this session" in answer.text
    assert roles(locked) == ["champion", "none"]


def test_a_form_does_what_the_api_does_and_is_audited_as_that(locked: Any) -> None:
    cookie = signed_in(locked)
    form = {"version": "2", "reason": "it is better", "token": token(locked, cookie)}

    answer = post(locked, f"{TASK}/promote", form, **cookie)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{TASK}?done=promote")
    assert "It was promoted" in locked.get(answer.headers["location"], **cookie).text
    assert roles(locked) == ["none", "champion"]
    acts = locked.get("/v1/audit", **{"x-api-key": KEY}).json()
    told = [(one["action"], one["subject"], one["actor"], one["status"]) for one in acts]
    assert told == [("POST /v1/versions/helios/anomaly/promote", "helios/anomaly", "operator", 200)]
    assert post(locked, f"{TASK}/rollback", form | {"reason": "back"}, **cookie).status_code == 303
    assert roles(locked) == ["champion", "none"]


@pytest.mark.parametrize(
    ("path", "form", "status", "words"),
    [
        (f"{TASK}/promote", {"version": "1", "reason": "again"}, 409, "it is the champion already"),
        (f"{TASK}/promote", {"version": "9", "reason": "none"}, 404, "there is no"),
        (f"{TASK}/promote", {"reason": "of none"}, 404, "there is no"),
        (f"{TASK}/rollback", {"reason": "nothing before"}, 409, "no earlier champion"),
        (f"{TASK}/rollback", {"reason": "x" * 2_001}, 400, "reason"),
        (f"{TASK}/stop", {"reason": "none there"}, 409, "no release is under way"),
        (
            f"{TASK}/release",
            {"version": "2", "mode": "ramp", "steps": "5,x", "every_h": "1"},
            400,
            "is no whole number",
        ),
        (f"{TASK}/release", {"version": "2", "mode": "all at once"}, 400, "is not known"),
        ("/ui/schedules/helios/none/pause", {}, 404, "there is no schedule"),
        ("/ui/tasks/helios/none/train", {}, 404, "there is no task"),
        ("/ui/tasks/helios/anomaly/explode", {}, 404, "no such page"),
        ("/ui/alarms", {}, 404, "no such page"),
    ],
)
def test_what_cannot_be_done_is_told_as_a_page(
    client: Any, path: str, form: dict[str, str], status: int, words: str
) -> None:
    answer = post(client, path, form)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text


@pytest.mark.parametrize("headers", [{"content-type": "application/json"}, {"content-type": "text/plain"}])
def test_a_body_that_is_no_form_is_refused(client: Any, headers: dict[str, str]) -> None:
    assert client.request("POST", f"{TASK}/train", b"reason=x", **headers).status_code == 400


@pytest.mark.parametrize("body", [b"reason=%ff", b"&".join([b"a=1"] * 99), b"\xff=1", b"reason=" + b"x" * 20_000])
def test_a_form_that_is_broken_or_too_long_is_refused(client: Any, body: bytes) -> None:
    assert client.request("POST", f"{TASK}/train", body, **FORM).status_code in {400, 413}


def test_who_may_only_read_is_refused_by_the_guard_and_not_only_by_a_missing_button(locked: Any, reader: str) -> None:
    cookie = signed_in(locked, reader)
    assert "Promote" not in locked.get(TASK, **cookie).text
    form = {"version": "2", "reason": "x", "token": "whatever"}

    for answer in (post(locked, f"{TASK}/promote", form, **cookie), locked.get(f"{TASK}/promote?version=2", **cookie)):
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/html")
    assert locked.get("/ui/reports", **cookie).status_code == 200


def test_an_open_server_warns_and_needs_no_sign_in_and_other_sites_pages_cannot_use_its_forms(client: Any) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "No key is asked for" in page.text
    assert client.get("/ui/sign-in").headers["location"] == "/"
    assert post(client, f"{TASK}/train", {}, origin="https://evil.example").status_code == 403
    assert post(client, f"{TASK}/train", {}, origin="http://127.0.0.1:8000").status_code == 303
    assert {job["actor"] for job in client.get("/v1/jobs").json()} == {"local"}


def test_a_page_asks_for_itself_again_only_where_it_was_asked_to(client: Any) -> None:
    assert "refresh" not in client.get("/").headers
    assert client.get("/?refresh=30").headers["refresh"] == "30"


def test_what_a_page_says_was_done_cannot_be_put_into_its_mouth(client: Any) -> None:
    assert 'role="status"' in client.get("/?done=pause").text
    for query in ("done=Send%20me%20your%20key", "done=", "done=%3Cb%3E"):
        assert 'role="status"' not in client.get(f"/?{query}").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ui", 303),
        ("/ui/tasks/helios/none", 404),
        ("/ui/tasks/none/anomaly", 404),
        (f"{TASK}/versions/9", 404),
        (f"{TASK}/versions/x", 404),
        (f"{TASK}/promote", 400),
        (f"{TASK}/promote?version=9", 404),
        ("/ui/reports/9", 404),
        ("/ui/%3Cscript%3E", 404),
    ],
)
def test_what_is_not_there_is_told_as_a_page(client: Any, path: str, status: int) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert "<script>" not in answer.text


def test_no_app_can_take_a_page() -> None:
    def with_route(path: str) -> App:
        route = Route(method="GET", path=path, summary="", handle=lambda _context, _asked: None)
        return replace(APP, routes=(route,))

    for path in ("/ui", "/ui/alarms", "/ui/{anything}", "/ui/tasks/a/b/c", "/{anything}/alarms"):
        with pytest.raises(UsageError, match="collides"):
            check_routes({"x": with_route(path)}, PAGE_PATHS)
    check_routes({"x": with_route("/uis"), "y": with_route("/alarms")}, PAGE_PATHS)


def test_a_version_whose_files_are_broken_is_shown_with_why(client: Any, homes: list[ServeSettings]) -> None:
    manifest = Path(homes[0].home) / "artifacts" / "helios" / "anomaly" / "2" / "manifest.json"
    whole = manifest.read_bytes()
    manifest.chmod(0o600)
    manifest.write_bytes(b"{}")

    answer = client.get(f"{TASK}/versions/2")
    manifest.write_bytes(whole)

    assert answer.status_code == 200
    assert "manifest.json" in answer.text


def test_what_was_set_aside_is_told_with_its_reason(client: Any, row: dict[str, Any]) -> None:
    broken = row | {"error_rate": "<i>much</i>"}
    assert client.post("/v1/helios/events/metrics", [row, broken]).status_code == 200

    page = client.get("/ui/events").text

    assert "helios/metrics" in page
    assert "1 × " in page
    assert "<i>much</i>" not in page


def test_an_alarm_is_on_the_page_of_its_task_the_overview_and_every_head_until_it_is_over(client: Any) -> None:
    state = client.edge.folder.state
    told = {"what": "p95 is <b>900</b> ms", "mend": "Look at the <i>load</i>."}
    raise_alarm(state, "latency_high", app="helios", task="anomaly", now=datetime.now(UTC), **told)

    pages = {path: client.get(path).text for path in ("/", TASK, "/ui/alarms", "/ui/reports")}
    resolve_alarm(state, "latency_high", app="helios", task="anomaly", now=datetime.now(UTC))

    for path, page in pages.items():
        assert '<span class="count">1</span>' in page
        assert ("p95 is &lt;b&gt;900" in page) == (path != "/ui/reports")
    assert "1 alarm" in pages["/"]
    assert "Look at the &lt;i&gt;load" in pages[TASK]
    assert "No alarm lasts" in client.get("/").text
    assert "latency_high" in client.get("/ui/alarms").text


def test_what_moved_is_told_column_by_column_the_most_moved_first(client: Any) -> None:
    moved = FeatureDrift(name="error_rate", drifted=True, p=0.001, aspect="location", shift=1.5, low=1.2, high=1.8, n=900, n_missing=0, psi=0.9, ks=0.4)  # fmt: skip
    still = msgspec.structs.replace(moved, name="event_count", drifted=False, p=0.9, shift=0.0, low=-0.1, high=0.1)
    unknown = FeatureDrift(name="p50_latency_ms", drifted=None, n=3, n_missing=0, why="3 values are too few")
    drift = Drift(drifted=True, level=0.01, features=(unknown, still, moved), n_rows=900, n_reference=4_000)
    finding = Finding(app="helios", task="anomaly", version=1, at=datetime.now(UTC), drifted=True, drift=drift)
    keep_finding(client.edge.folder.events, finding)

    page = client.get(TASK).text.partition('id="drift"')[2]

    assert page.index("error_rate") < page.index("event_count") < page.index("p50_latency_ms")
    assert "+1.50" in page
    assert "from +1.20 to +1.80, zero is no shift" in page
    assert "3 values are too few" in page
    assert "drifted" in client.get("/").text


def test_a_page_that_breaks_is_told_without_its_inside(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_named: object) -> None:
        raise ValueError("the secret inside")

    monkeypatch.setattr("telltale.serve.routes.page_routes.alarms_page", broken)

    answer = client.get("/ui/alarms")

    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "secret" not in answer.text
    assert "the fault is the server" in answer.text


def test_quality_is_told_by_day_where_there_are_labels(client: Any, row: dict[str, Any]) -> None:
    answers = [client.post("/v1/helios/anomaly/predict", row).json() for _ in range(4)]
    client.edge.log.flush()
    for one in answers:
        body = {"prediction_id": one["prediction_id"], "label": 0}
        assert client.post("/v1/feedback", body).status_code == 200
    at = find_task(client.edge, "helios", "anomaly")

    found = task_quality(client.edge, at, now=datetime.now(UTC))
    drawn = quality_part(at.task, found, client.edge.registry.champion("helios", "anomaly"))

    assert [day.n_labelled for _, day in found.days] == [0, 0, 0, 0, 0, 0, 4]
    assert "False-positive rate of the champion by day, from labels" in drawn
    assert "4 answers, 4 with a label" in drawn


def test_in_an_empty_home_the_first_page_says_what_to_do_first(
    tmp_path: Path, make_client: Callable[[ServeSettings], Any]
) -> None:
    opened = make_client(ServeSettings(home=str(tmp_path / "home"), apps=("telltale.apps.helios:APP",)))

    pages = {path: opened.get(path) for path in ("/", TASK, "/ui/schedules", "/ui/events", "/ui/reports")}
    opened.close()

    assert {answer.status_code for answer in pages.values()} == {200}
    assert "Nothing has been trained yet" in pages["/"].text
    assert "never trained" in pages["/"].text
    assert "Train now" in pages[TASK].text


def test_a_champion_that_cannot_be_loaded_is_told_on_the_first_page_and_its_own(
    tmp_path: Path, homes: list[ServeSettings], make_client: Callable[[ServeSettings], Any]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(homes[0].home, home)
    arrays = home / "artifacts" / "helios" / "anomaly" / "1" / "arrays.safetensors"
    arrays.chmod(0o600)
    arrays.write_bytes(b"changed")
    opened = make_client(ServeSettings(home=str(home), apps=("telltale.apps.helios:APP",)))

    first, own = opened.get("/").text, opened.get(TASK).text
    opened.close()

    assert "version missing" in first
    assert "0 of 1" in first
    for page in (first, own):
        assert "arrays.safetensors" in page
        assert str(home) not in page  # where files lie is nobody's business
