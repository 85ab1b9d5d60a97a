import threading
from typing import Any

import pytest

from telltale.serve.page import kept
from telltale.serve.page.kept import Kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as a list of one that a test may change."""
    now_s = [100.0]
    monkeypatch.setattr(kept, "monotonic", lambda: now_s[0])
    return now_s


def test_many_looks_cost_one_reading_until_it_is_old(clock: list[float]) -> None:
    ours, read = Kept(), iter(range(9))

    assert [ours.get("n", lambda: next(read)) for _ in range(5)] == [0] * 5
    clock[0] += 30.1
    assert ours.get("n", lambda: next(read)) == 1
    assert ours.get("m", lambda: next(read)) == 2


def test_what_took_long_is_kept_longer(clock: list[float]) -> None:
    ours = Kept()

    def slow() -> str:
        clock[0] += 10.0
        return "counted"

    assert ours.get("n", slow) == "counted"
    clock[0] += 199.0
    assert ours.get("n", lambda: "again") == "counted"
    clock[0] += 2.0
    assert ours.get("n", lambda: "again") == "again"


def test_nobody_waits_for_long_and_nothing_is_read_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_WAIT_S", 0.01)
    ours, may_end, began = Kept(), threading.Event(), []

    def slow() -> str:
        began.append(1)
        may_end.wait(10)
        return "counted"

    assert [ours.get("n", slow) for _ in range(3)] == [None] * 3
    may_end.set()
    monkeypatch.setattr(kept, "_WAIT_S", 10.0)

    assert ours.get("n", slow) == "counted"
    assert len(began) == 1


def test_what_cannot_be_read_is_logged_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Kept()

    def broken() -> Any:
        raise ValueError("the disk")

    assert ours.get("n", broken) is None
    assert "the disk" in "".join(capsys.readouterr())
    assert ours.get("n", lambda: "well") == "well"
