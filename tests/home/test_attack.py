"""Simulated attacks: counted as they should be, and sent to nobody but this machine."""

import numpy as np
import polars as pl
import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.schema import REQUEST
from telltale.contract.errors import UnavailableError, UsageError
from telltale.contract.simulation import Simulation
from telltale.home.attack import attack_rows, outcome_of, task_attacked
from telltale.home.attack_against import attack_against, loopback_address
from telltale.telemetry.frames import ENTITY, LABEL


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return attack_rows(APP, "request", "brute_force", Simulation(n_rows=600))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:8000",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com/",
        "http://user@127.0.0.1/",
        "https://127.0.0.1",
        "http://[2001:db8::1]/",
        "http://0.0.0.0:8000",
        "127.0.0.1:8000",
        "ftp://localhost",
        "http://[::1",
        "",
    ],
)
def test_any_address_but_the_loopback_is_refused_before_anything_is_sent(url: str, frame: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"http://127\.0\.0\.1"):
        attack_against(url, REQUEST, "storefront/requests", frame, per_second=10.0)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:1/a/", "http://[::1]:9", "http://127.8.8.8"]
)
def test_the_loopback_is_taken(url: str) -> None:
    host, port, path = loopback_address(url)

    assert host
    assert 0 < port < 65_536
    assert not path.endswith("/")


def test_nobody_there_and_a_rate_out_of_range_are_told(frame: pl.DataFrame) -> None:
    with pytest.raises(UnavailableError, match="telltale up"):
        attack_against("http://127.0.0.1:1", REQUEST, "storefront/requests", frame, per_second=10.0)
    for rate in (0.0, -1.0, 1e9):
        with pytest.raises(UsageError, match="--rate"):
            attack_against("http://127.0.0.1:1", REQUEST, "storefront/requests", frame, per_second=rate)


def test_an_attack_that_the_simulator_does_not_know_is_refused_with_those_known() -> None:
    assert task_attacked(APP, "request", "slow").name == "requests"
    with pytest.raises(UsageError, match="flood"):
        task_attacked(APP, "request", "siege")
    with pytest.raises(UsageError, match="siege"):
        task_attacked(APP, "order", "siege")


def test_incidents_clients_and_requests_are_counted_apart(frame: pl.DataFrame) -> None:
    truth = frame[LABEL].to_numpy() == 1
    clean = frame.filter(~pl.Series(truth))[ENTITY].unique()
    one = frame[ENTITY].to_numpy() == clean[0]

    nothing = outcome_of(frame, np.zeros(frame.height, dtype=bool), memory=60.0)
    perfect = outcome_of(frame, truth, memory=60.0)
    eager = outcome_of(frame, truth | one, memory=60.0)

    assert (nothing.detection_rate, nothing.delay_s, nothing.false_alarms) == (0.0, None, 0)
    assert (perfect.detection_rate, perfect.delay_s) == (1.0, 0.0)
    assert perfect.attack_requests == perfect.attack_requests_flagged == 60
    assert (perfect.clean_clients_flagged, eager.clean_clients_flagged) == (0, 1)
    assert eager.false_alarms == int(one.sum())
