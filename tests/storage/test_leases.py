import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from telltale.contract.errors import ConflictError
from telltale.storage.folder import Folder
from telltale.storage.leases import claim_slot, finish_slot, hold_lease, release_lease

NOW = datetime(2024, 12, 1, tzinfo=UTC)


def hold(folder: Folder, owner: str, *, after_s: float = 0) -> bool:
    return hold_lease(folder.state, "sweep", owner=owner, ttl_s=10, now=NOW + timedelta(seconds=after_s))


def test_a_lease_is_held_by_one_owner_until_it_runs_out(folder: Folder) -> None:
    assert hold(folder, "a")
    assert not hold(folder, "b", after_s=9.999)
    assert hold(folder, "b", after_s=10)
    assert not hold(folder, "a", after_s=11)


def test_a_holder_that_prolongs_keeps_it(folder: Folder) -> None:
    assert hold(folder, "a")
    assert hold(folder, "a", after_s=8)

    assert not hold(folder, "b", after_s=12)


def test_only_the_holder_gives_a_lease_back(folder: Folder) -> None:
    hold(folder, "a")

    assert not release_lease(folder.state, "sweep", owner="b")
    assert not hold(folder, "b")
    assert release_lease(folder.state, "sweep", owner="a")
    assert hold(folder, "b")


def test_leases_of_other_names_do_not_matter(folder: Folder) -> None:
    hold(folder, "a")

    assert hold_lease(folder.state, "retrain", owner="b", ttl_s=10, now=NOW)


def test_one_of_many_threads_gets_the_lease(folder: Folder) -> None:
    got: list[str] = []

    def try_it(owner: str) -> None:
        if hold(folder, owner):
            got.append(owner)

    threads = [threading.Thread(target=try_it, args=(f"{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 1


def test_a_slot_is_claimed_once_and_finished_by_its_claimer(folder: Folder) -> None:
    assert claim_slot(folder.state, "app", "task", at=NOW, owner="a")
    assert not claim_slot(folder.state, "app", "task", at=NOW, owner="b")
    assert not claim_slot(folder.state, "app", "task", at=NOW, owner="a")
    with pytest.raises(ConflictError, match=r"'b' has no unfinished claim.*Claim the slot first"):
        finish_slot(folder.state, "app", "task", at=NOW, owner="b", state="done")
    finish_slot(folder.state, "app", "task", at=NOW, owner="a", state="done", result={"version": 3})

    assert folder.state.fetch("SELECT owner, state, result FROM slot") == [("a", "done", '{"version":3}')]
    with pytest.raises(ConflictError):
        finish_slot(folder.state, "app", "task", at=NOW, owner="a", state="failed")
    assert claim_slot(folder.state, "app", "task", at=NOW + timedelta(hours=1), owner="b")


CLAIMER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from telltale.storage.folder import open_folder
from telltale.storage.leases import claim_slot
state = open_folder(Path(sys.argv[1])).state
sys.stdin.readline()
start = datetime(2024, 12, 1, tzinfo=UTC)
claimed = [n for n in range(30) if claim_slot(state, "app", "task", at=start + timedelta(hours=n), owner=sys.argv[2])]
print(*claimed)
"""


def test_slots_are_claimed_once_however_many_processes_there_are(folder: Folder) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(folder.path), f"{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    outputs = [process.communicate("\n", timeout=60)[0] for process in processes]

    assert all(process.returncode == 0 for process in processes)
    assert sorted(int(n) for output in outputs for n in output.split()) == list(range(30))
