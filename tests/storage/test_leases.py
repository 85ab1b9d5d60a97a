import threading
from datetime import UTC, datetime, timedelta

from telltale.storage.folder import Folder
from telltale.storage.leases import hold_lease, release_lease

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
