from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.contract.errors import UnavailableError
from telltale.telemetry.backend.circuit import (
    FAILURES_TO_OPEN,
    FIRST_OPEN_S,
    MOST_OPEN_S,
    Circuit,
    after_failure,
    change_circuit,
    circuit_path,
    enter_circuit,
    read_circuit,
)

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)


def failed(n: int, circuit: Circuit | None = None, *, now: datetime = NOW) -> Circuit:
    found = circuit or Circuit()
    for _ in range(n):
        found = after_failure(found, fault="it answered 503", now=now)
    return found


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    assert failed(FAILURES_TO_OPEN - 1).state(NOW) == "closed"
    circuit = failed(FAILURES_TO_OPEN)

    assert circuit.state(NOW) == "open"
    assert circuit.state(NOW + timedelta(seconds=FIRST_OPEN_S)) == "half-open"


def test_each_failed_trial_leaves_it_open_twice_as_long_up_to_an_hour() -> None:
    circuit, opened_for = failed(FAILURES_TO_OPEN), []
    for _ in range(9):
        assert circuit.open_until is not None
        now = circuit.open_until
        circuit = failed(1, circuit, now=now)
        assert circuit.open_until is not None
        opened_for.append((circuit.open_until - now).total_seconds())

    assert opened_for[:3] == [2 * FIRST_OPEN_S, 4 * FIRST_OPEN_S, 8 * FIRST_OPEN_S]
    assert opened_for[-1] == MOST_OPEN_S


def test_a_server_that_says_how_long_is_left_alone_so_long() -> None:
    assert after_failure(Circuit(), fault="429", now=NOW, wait_s=600.0).open_until == NOW + timedelta(seconds=600)


def test_an_open_circuit_is_refused_with_the_time_and_the_last_fault(tmp_path: Path) -> None:
    path = circuit_path(tmp_path / "sources", "http://shop:8080/orders")
    change_circuit(path, lambda _: failed(FAILURES_TO_OPEN))

    with pytest.raises(UnavailableError, match=r"until 2025-03-03 12:01:00 UTC after 5 failures.*503.*--now") as raised:
        enter_circuit(path, now=NOW, where="http://shop:8080/orders")
    assert raised.value.retry_after_s == FIRST_OPEN_S


def test_of_many_that_come_to_a_half_open_circuit_one_may_try(tmp_path: Path) -> None:
    path = circuit_path(tmp_path / "sources", "http://shop:8080/orders")
    change_circuit(path, lambda _: failed(FAILURES_TO_OPEN))
    later = NOW + timedelta(seconds=FIRST_OPEN_S)

    def enter(_: int) -> str:
        try:
            return enter_circuit(path, now=later, where="shop")
        except UnavailableError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(enter, range(8)))

    assert found == ["half-open", *["refused"] * 7]


def test_each_server_has_its_own_and_a_damaged_file_refuses_nobody(tmp_path: Path) -> None:
    paths = {circuit_path(tmp_path, url) for url in ("http://a/x", "http://a:80/y", "https://a/x", "http://b/x")}
    assert len(paths) == 3
    path = paths.pop()
    path.write_text("{")

    assert read_circuit(path) == Circuit()
    assert enter_circuit(path, now=NOW, where="a") == "closed"
