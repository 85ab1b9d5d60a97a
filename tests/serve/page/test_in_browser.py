"""The pages as a person uses them, in a real browser over a real server: looked at, signed in to, and operated by hand."""

import json
from typing import Any

import pytest
from tests.apps.personhood.chromium import Page
from tests.serve.page.browsing import click, faults, fill, sign_in, visit, width
from tests.serve.page.conftest import HOSTILE, Site
from tests.serve.page.conftest import OPERATOR as KEY

pytestmark = [pytest.mark.server, pytest.mark.slow]
TASK = "/ui/tasks/helios/anomaly"
PAGES = (
    "/", TASK, f"{TASK}/versions/1", f"{TASK}/promote?version=2", f"{TASK}/release?version=2", f"{TASK}/rollback",
    f"{TASK}/train", "/ui/alarms", "/ui/schedules", "/ui/events", "/ui/reports", "/ui/nothing",
)  # fmt: skip


@pytest.fixture(scope="module")
def operator(site: Site) -> Page:
    """A tab that the operator signed in with."""
    page: Page = site.open_tab()
    page.look(width=1_280, height=900)
    sign_in(page, site.url, KEY)
    assert page.ask("location.pathname") == "/"
    return page


def test_without_a_key_one_is_led_to_the_sign_in_and_after_it_to_the_page_that_was_asked_for(
    site: Site, tab: Page
) -> None:
    visit(tab, f"{site.url}{TASK}")
    assert tab.text("h1") == "Sign in"
    assert faults(tab) == []

    fill(tab, "key", "a wrong one")
    click(tab, "Sign in", within="main")
    assert "the key is not the right one" in tab.text("main")
    assert tab.ask("location.pathname") == "/ui/sign-in"

    fill(tab, "key", KEY)
    click(tab, "Sign in", within="main")
    assert tab.ask("location.pathname") == TASK
    assert tab.text("h1") == "helios/anomaly"


def test_scripts_cannot_read_the_session_and_it_is_no_key_and_ends_with_the_sign_out(site: Site, tab: Page) -> None:
    sign_in(tab, site.url, KEY)
    cookies = tab.send("Network.getCookies")["cookies"]
    assert [(one["name"], one["httpOnly"], one["sameSite"]) for one in cookies] == [
        ("telltale_session", True, "Strict")
    ]
    assert KEY not in cookies[0]["value"]
    assert tab.ask("document.cookie") == ""

    click(tab, "Sign out")
    visit(tab, f"{site.url}/")

    assert tab.text("h1") == "Sign in"
    assert tab.send("Network.getCookies")["cookies"] == []


def test_who_may_only_read_sees_the_pages_and_no_button(site: Site, tab: Page) -> None:
    sign_in(tab, site.url, site.reader)
    visit(tab, f"{site.url}{TASK}")
    assert "isolation_forest" in tab.text("main")
    assert tab.ask("[...document.querySelectorAll('main .button, main button')].length") == 0

    visit(tab, f"{site.url}{TASK}/promote?version=2")

    assert "has not the scope 'operate'" in tab.text("main")


def test_the_overview_tells_of_each_task_what_decides_how_good_it_is_and_what_was_asked(
    site: Site, operator: Page
) -> None:
    visit(operator, f"{site.url}/")

    told = operator.text("main")
    assert "1 of 1" in told
    assert "isolation_forest" in told
    assert "pass" in told
    assert operator.ask("document.querySelector('[data-of=\"requests, 24 h\"]').innerText.trim()").startswith("40")


def test_the_task_and_its_versions_show_the_gate_curves_answers_and_labels(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}{TASK}")
    told = operator.text("main")
    assert "False-positive rate" in told
    assert "40 answers, 6 with a label" in told
    assert "shop-7" in told
    assert (
        operator.ask(
            "document.querySelectorAll('#versions tbody tr, [aria-labelledby=versions-heading] tbody tr').length"
        )
        == 3
    )

    click(operator, "2", within="[aria-labelledby=versions-heading]")

    assert operator.text("h1") == "helios/anomaly, version 2"
    drawn = operator.ask(
        "[...document.querySelectorAll('svg.drawing')].map((one) => one.getAttribute('aria-label').slice(0, 9))"
    )
    assert drawn == ["recall ag", "precision", "share of ", "share of "]


def test_a_version_is_promoted_and_taken_back_by_clicks_and_the_ledger_and_audit_say_by_whom(
    site: Site, operator: Page
) -> None:
    visit(operator, f"{site.url}{TASK}")
    click(operator, "Promote…")
    assert operator.text("h1") == "Promote version 3"
    assert "champion now\nversion 1" in operator.text("main")
    press_override(operator)
    fill(operator, "reason", "better on Mondays")
    click(operator, "Promote it")
    assert "It was promoted" in operator.text("[role=status]")
    assert site.champion == 3

    click(operator, "Roll back…")
    assert "champion then\nversion 1" in operator.text("main")
    fill(operator, "reason", "it was not")
    click(operator, "Roll back", within="form.form")

    assert site.champion == 1
    moves = [
        (one["action"], one["actor"], one["reason"]) for one in site.ask("GET", "/v1/versions/helios/anomaly/history")
    ]
    assert ("promote", "operator", "better on Mondays") in moves
    assert ("rollback", "operator", "it was not") in moves
    acts = [(one["action"], one["actor"], one["status"]) for one in site.ask("GET", "/v1/audit")]
    assert ("POST /v1/versions/helios/anomaly/promote", "operator", 200) in acts


def press_override(page: Page) -> None:
    """Say that it is meant although the gate said no, where it did."""
    page.ask("document.getElementById('override')?.click()")


def test_what_the_gate_refuses_is_told_beside_the_form_which_keeps_what_was_written(site: Site, operator: Page) -> None:
    refused = next(one for one in site.ask("GET", "/v1/versions/helios/anomaly") if one["outcome"] != "pass")
    visit(operator, f"{site.url}{TASK}/promote?version={refused['number']}")
    fill(operator, "reason", "<b>try</b>")
    click(operator, "Promote it")

    assert "gate" in operator.text("[role=alert]").lower()
    assert operator.ask("document.getElementById('reason').value") == "<b>try</b>"
    assert site.champion == 1


def test_a_version_is_promoted_by_keys_alone_and_one_sees_where_one_is(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}{TASK}/promote?version=2")
    operator.press("Tab")
    assert operator.ask("document.activeElement.className") == "skip"
    assert operator.ask("document.activeElement.getBoundingClientRect().left") == 0
    seen = []
    for _ in range(40):
        operator.press("Tab")
        focused = operator.ask("document.activeElement.id || document.activeElement.innerText || ''")
        seen.append(focused)
        assert operator.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid", focused
        if focused == "override":
            operator.press(" ")
        if focused == "reason":
            operator.write("by keys")
            operator.ask("window.left = true")
            operator.press("Enter")
            break
    operator.wait_for("!window.left && document.readyState === 'complete'")

    assert "It was promoted" in operator.text("[role=status]"), seen
    assert site.champion == 2
    site.ask("POST", "/v1/versions/helios/anomaly/rollback", {"reason": "back"})


def test_a_release_begins_as_a_shadow_and_is_ended(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}{TASK}")
    click(operator, "Release…")
    press_override(operator)
    fill(operator, "reason", "beside it")
    click(operator, "Begin")
    assert "The release began" in operator.text("[role=status]")
    begun = site.ask("GET", "/v1/releases")[0]
    assert (begun["steps"], begun["state"], begun["actor"]) == ([0], "running", "operator")
    assert "shadow: scores, decides nothing" in operator.text("main")

    click(operator, "End the release…")
    fill(operator, "reason", "seen enough")
    click(operator, "End it")

    assert site.ask("GET", "/v1/releases")[0]["state"] == "stopped"


def test_a_schedule_is_paused_and_goes_on_and_a_training_is_asked_for(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}/ui/schedules")
    click(operator, "Pause helios/anomaly")
    assert "The schedule is paused" in operator.text("[role=status]")
    assert site.ask("GET", "/v1/schedules")[0]["schedule"]["paused"]

    click(operator, "Resume helios/anomaly")
    assert not site.ask("GET", "/v1/schedules")[0]["schedule"]["paused"]

    visit(operator, f"{site.url}{TASK}/train")
    fill(operator, "reason", "new rows came")
    click(operator, "Train", within="form.form")

    assert "the next worker" in operator.text("[role=status]")
    job = site.ask("GET", "/v1/jobs")[0]
    assert (job["state"], job["actor"], job["reason"]) == ("queued", "operator", "new rows came")


def test_a_report_is_made_and_read(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}/ui/reports")
    click(operator, "Make one")
    click(operator, "report 1")

    assert "helios/anomaly" in operator.text("main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_for_who_cannot_see_or_use_a_mouse_and_fits_a_phone(
    site: Site, operator: Page, path: str, scheme: str
) -> None:
    operator.look(width=1_280, height=900, scheme=scheme)
    visit(operator, site.url + path)
    assert operator.ask("location.pathname + location.search") == path
    assert faults(operator) == []
    assert width(operator) == 1_280

    operator.look(width=360, height=740, scheme=scheme)

    assert width(operator) == 360
    assert faults(operator) == []
    operator.look(width=1_280, height=900)


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        ("<h4>deep</h4>", "after h"),
        ("<input type=text id=bare>", "no label"),
        ("<button></button>", "no words"),
        ("<svg viewBox='0 0 1 1'></svg>", "a drawing without words"),
        ("<table><tr><th>x</th></tr></table>", "no scope"),
        ("<table><tr><th scope=col></th></tr></table>", "without a caption"),
        ("<p id=content>twice</p>", "twice the id"),
        ("<p aria-labelledby=nobody>x</p>", "leads nowhere"),
        ("<nav>x</nav>", "nav without a name"),
        ("<h1>another</h1>", "not one h1"),
        ("<p><font color='#8a8a8a'>pale</font></p>", "contrast"),
    ],
)
def test_the_checks_see_what_they_look_for(site: Site, operator: Page, planted: str, told: str) -> None:
    visit(operator, f"{site.url}/ui/alarms")

    operator.ask(f"document.querySelector('main').insertAdjacentHTML('beforeend', {json.dumps(planted)})")

    assert [fault for fault in faults(operator) if told in fault]


def test_no_words_from_outside_become_part_of_a_page(site: Site, operator: Page) -> None:
    visit(operator, f"{site.url}{TASK}")

    assert HOSTILE in operator.ask("document.querySelector('main').textContent")
    assert operator.ask("document.querySelectorAll('script, img').length") == 0
    assert operator.ask("document.title") == "helios/anomaly · telltale"


def test_the_browser_asked_no_other_server_and_found_nothing_against_the_policy(site: Site, operator: Page) -> None:
    asked = {told["url"] for told in operator.requests}

    assert all(url.startswith(site.url) for url in asked), asked
    known: tuple[Any, ...] = ("/ui/nothing", "/promote")  # a page that is not there, and the promotion that was refused
    assert [fault for fault in operator.faults if not any(part in fault for part in known)] == []
