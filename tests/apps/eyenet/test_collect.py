"""Reading this machine's interfaces, for real."""

import socket
import subprocess
import sys
import time

import pytest

from telltale.apps.eyenet.collect import changes, collect_network
from telltale.apps.eyenet.schema import SAMPLE
from telltale.contract.errors import UsageError
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.validate import check_rows


def test_rows_of_this_machine_pass_the_check_and_count_what_was_sent() -> None:
    psutil = pytest.importorskip("psutil", reason="the extra [collect] is not installed")
    interfaces = set(psutil.net_io_counters(pernic=True))
    n = len(interfaces)
    rows = collect_network(0.2, 2 * n)
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with receiver, sender:
        receiver.bind(("127.0.0.1", 0))
        time.sleep(0.01)
        first = [next(rows) for _ in range(n)]  # the counters are read; what is sent now is counted next
        for _ in range(50):
            sender.sendto(b"x" * 1_000, receiver.getsockname())
        later = list(rows)

    checked = check_rows(SAMPLE, rows_from_objects([*first, *later]), require_time=True)
    assert (len(checked.frame), checked.quarantined) == (2 * n, ())
    assert {row["device_id"] for row in first} == {f"{socket.gethostname()}/{name}" for name in interfaces}
    loopback = next(row for row in later if str(row["device_id"]).endswith("/lo"))
    assert float(loopback["bytes_out"]) >= 50_000
    assert float(loopback["packets_in"]) >= 50


def test_an_interface_that_was_reset_or_is_new_has_no_row_of_that_interval() -> None:
    before = {"eth0": {"bytes_in": 100.0, "bytes_out": 5.0}, "wlan0": {"bytes_in": 7.0, "bytes_out": 1.0}}
    after = {
        "eth0": {"bytes_in": 20.0, "bytes_out": 6.0},
        "wlan0": {"bytes_in": 9.0, "bytes_out": 1.0},
        "tun0": {"bytes_in": 1.0, "bytes_out": 1.0},
    }

    assert changes(before, after) == {"wlan0": {"bytes_in": 2.0, "bytes_out": 0.0}}
    assert changes(after, {}) == {}


def test_it_stops_in_the_middle_of_an_interval_where_so_many_rows_were_asked_for() -> None:
    pytest.importorskip("psutil", reason="the extra [collect] is not installed")

    assert len(list(collect_network(0.05, 1))) == 1


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan")])
def test_interval_must_be_above_zero(interval_s: float) -> None:
    with pytest.raises(UsageError, match=r"collect network.*Give more than 0 seconds"):
        collect_network(interval_s, 1)


def test_without_psutil_the_mend_is_named() -> None:
    program = """
import sys
sys.modules["psutil"] = None
from telltale.apps.eyenet.collect import collect_network
try:
    collect_network(1, 1)
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert b"pip install 'telltale-loop[collect]'" in done.stdout
