import multiprocessing
import os
from itertools import repeat

from telltale.monitor.prediction_ids import prediction_ids


def _ten_ids(_: object) -> list[str]:
    new_id = prediction_ids()
    return [new_id() for _ in range(10)]


def test_ids_are_unique_across_processes() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        ids = [one for part in pool.map(_ten_ids, repeat(None, 8)) for one in part]

    assert len(set(ids)) == 80


def test_a_forked_child_does_not_go_on_with_its_parents_ids() -> None:
    new_id = prediction_ids()
    new_id()
    read_end, write_end = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(write_end, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read_end, 100).decode() != new_id()


def test_ids_of_a_process_sort_by_age() -> None:
    new_id = prediction_ids()
    ids = [new_id() for _ in range(1_000)]

    assert ids == sorted(ids)
