"""Reading this machine's interfaces, for real."""

import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from telltale.apps.eyenet import collect
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
        for _ in range(100):  # values are per interval: half as much would still do
            sender.sendto(b"x" * 1_000, receiver.getsockname())
        later = list(rows)

    checked = check_rows(SAMPLE, rows_from_objects([*first, *later]), require_time=True)
    assert (len(checked.frame), checked.quarantined) == (2 * n, ())
    assert {row["device_id"] for row in first} == {f"{socket.gethostname()}/{name}" for name in interfaces}
    loopback = next(row for row in later if str(row["device_id"]).endswith("/lo"))
    assert float(loopback["bytes_out"] or 0) >= 50_000
    assert float(loopback["packets_in"] or 0) >= 50


def test_an_interface_that_was_reset_or_is_new_has_no_row_of_that_interval() -> None:
    before = {"eth0": {"bytes_in": 100, "bytes_out": 5}, "wlan0": {"bytes_in": 7, "bytes_out": 1}}
    after = {
        "eth0": {"bytes_in": 20, "bytes_out": 6},
        "wlan0": {"bytes_in": 9, "bytes_out": 1},
        "tun0": {"bytes_in": 1, "bytes_out": 1},
    }

    assert changes(before, after) == {"wlan0": {"bytes_in": 2.0, "bytes_out": 0.0}}
    assert changes(after, {}) == {}


def test_a_counter_that_wrapped_is_mended_and_a_row_after_a_missed_interval_is_told_per_interval() -> None:
    before = {"eth0": {"bytes_in": 2**32 - 100, "packets_in": 10}}
    after = {"eth0": {"bytes_in": 100, "packets_in": 20}}

    assert changes(before, after, share=10.0 / 20.0) == {"eth0": {"bytes_in": 100.0, "packets_in": 5.0}}


class _Counters:
    """A machine whose interface counts 1,000 bytes a second; a real one is never so even."""

    def net_io_counters(self, *, pernic: bool, nowrap: bool) -> dict[str, SimpleNamespace]:
        assert pernic
        assert not nowrap
        n = int(time.monotonic() * 1_000)
        return {"eth0": SimpleNamespace(bytes_recv=n, bytes_sent=n, packets_recv=n, packets_sent=n)}


def _import_counters(*, where: str) -> _Counters:
    assert where == "collect network"
    return _Counters()


def test_a_slow_reader_gets_the_mean_of_the_intervals_and_not_their_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "import_psutil", _import_counters)
    rows = collect_network(0.1, 3)
    first = next(rows)
    time.sleep(0.35)  # several intervals pass
    late = next(rows)

    assert [float(row["bytes_in"] or 0) for row in (first, late)] == pytest.approx([100.0, 100.0], rel=0.1)


def test_every_row_of_an_interval_carries_the_round_trip_time_or_null_where_nobody_answers() -> None:
    pytest.importorskip("psutil", reason="the extra [collect] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        asked = list(collect_network(0.1, 2, ping=target))
    unanswered = list(collect_network(0.1, 1, ping=target))

    assert all(0 < float(row["latency"] or 0) < 1_000 for row in asked)
    assert unanswered[0]["latency"] is None
    checked = check_rows(SAMPLE, rows_from_objects([*asked, *unanswered]), require_time=True)
    assert checked.quarantined == ()


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
from telltale.apps.eyenet import collect
from telltale.apps.eyenet.collect import collect_network
try:
    collect_network(1, 1)
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert b"pip install 'telltale-loop[collect]'" in done.stdout
