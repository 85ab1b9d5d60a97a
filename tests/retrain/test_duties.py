"""What a worker does beside training: each at its pace, and none in the way of the urgent ones."""

import threading
from collections.abc import Callable
from datetime import datetime

from tests.retrain.homes import SHOP

from telltale.contract.errors import UnavailableError
from telltale.retrain.duties import Desk, Duty, start_duties
from telltale.retrain.duty_list import DUTIES
from telltale.storage.folder import Folder


def run(folder: Folder, *duties: Duty, until: threading.Event) -> bool:
    """Do duties until something has happened; whether it has."""
    stop = threading.Event()
    threads = start_duties(Desk(folder=folder, apps={"shop": SHOP}), duties, stop)
    has_happened = until.wait(20)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    return has_happened


def duty(name: str, do: Callable[[], object], *, is_urgent: bool = False) -> Duty:
    def do_it(_desk: Desk, _now: datetime) -> None:
        do()

    return Duty(name=name, every_s=0.0, do=do_it, is_urgent=is_urgent)


def test_an_urgent_duty_does_not_wait_for_a_slow_one(folder: Folder) -> None:
    is_done = threading.Event()

    assert run(folder, duty("slow", is_done.wait), duty("urgent", is_done.set, is_urgent=True), until=is_done)


def test_a_duty_that_fails_ends_no_other(folder: Folder) -> None:
    is_done = threading.Event()

    def fail() -> None:
        raise ZeroDivisionError

    def wait() -> None:
        raise UnavailableError("the disk is full")

    assert run(folder, duty("fails", fail), duty("waits", wait), duty("other", is_done.set), until=is_done)


def test_rollbacks_messages_learning_and_signs_of_life_are_urgent_and_names_are_there_once() -> None:
    assert {one.name for one in DUTIES if one.is_urgent} == {"releases", "alarm_messages", "learning", "presence"}
    assert len({one.name for one in DUTIES}) == len(DUTIES)
