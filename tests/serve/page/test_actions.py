import pytest

from telltale.contract.errors import UsageError
from telltale.serve.page.actions import DONE, SCHEDULE_ACTIONS, TASK_ACTIONS, Form
from telltale.serve.routes.release_routes import ReleaseRequest
from telltale.serve.routes.version_routes import Promotion, Rollback


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"mode": "shadow"}, {"steps": [0]}),
        ({"mode": "ab", "share": " 50 "}, {"steps": [50]}),
        ({"mode": "ramp", "steps": "5, 25,100", "every_h": "2"}, {"steps": [5, 25, 100], "every_s": 7_200.0}),
    ],
)
def test_each_way_to_release_becomes_what_the_api_takes(form: Form, expected: dict[str, object]) -> None:
    asked = {"version": "3", "reason": " why ", **form}

    body = TASK_ACTIONS["release"].body(asked, "helios", "anomaly")

    assert body == {"version": "3", "reason": "why", "override": False} | expected
    ReleaseRequest(**body)


def test_a_box_that_is_ticked_overrides_the_gate_and_one_that_is_not_does_not() -> None:
    body = TASK_ACTIONS["promote"].body

    assert body({"version": "3", "override": "yes"}, "a", "b") == {"version": "3", "reason": "", "override": True}
    Promotion(**body({"version": "3"}, "a", "b") or {})
    Rollback(**TASK_ACTIONS["rollback"].body({"reason": "x"}, "a", "b") or {})


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"mode": "all"},
        {"mode": "ab", "share": "half"},
        {"mode": "ab", "share": "-5"},
        {"mode": "ramp", "steps": "5,,9", "every_h": "1"},
        {"mode": "ramp", "steps": "5,100", "every_h": "1.5"},
    ],
)
def test_a_release_that_cannot_be_read_is_refused_with_what_to_write(form: Form) -> None:
    with pytest.raises(UsageError, match=r"Known:|Give digits alone"):
        TASK_ACTIONS["release"].body({"version": "3", **form}, "a", "b")


def test_a_reason_that_is_left_empty_leaves_the_apis_own() -> None:
    assert TASK_ACTIONS["train"].body({"reason": " "}, "a", "b") == {"app": "a", "task": "b"}


def test_everything_that_can_be_done_is_told_once_it_was() -> None:
    assert all(DONE[name] for name in (*TASK_ACTIONS, *SCHEDULE_ACTIONS))
