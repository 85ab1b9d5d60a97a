"""Measuring this machine, for real."""

import subprocess
import sys
import time

import pytest

from telltale.contract.errors import UsageError
from telltale.contract.schema import EventSchema
from telltale.telemetry.files import rows_from_objects
from telltale.telemetry.host import HOST_COLUMNS, collect_host, rates
from telltale.telemetry.validate import check_rows


def test_rows_of_this_machine_pass_the_check() -> None:
    pytest.importorskip("psutil", reason="the extra [collect] is not installed")
    started = time.monotonic()
    rows = list(collect_host(0.1, 3))
    elapsed_s = time.monotonic() - started
    schema = EventSchema(name="host", columns=(), any_numeric=True)
    checked = check_rows(schema, rows_from_objects(rows), require_time=True)

    assert (len(checked.frame), checked.quarantined) == (3, ())
    assert set(checked.columns) == set(HOST_COLUMNS)
    assert 0 <= checked.frame["memory_percent"].item(0) <= 100
    assert elapsed_s >= 0.3


def test_counter_that_went_back_or_is_new_gives_no_rate() -> None:
    assert rates({"in": 100.0, "out": 5.0}, {"in": 50.0, "out": 6.0}, elapsed_s=1.0) is None
    assert rates({"in": 100.0}, {"in": 150.0, "out": 6.0}, elapsed_s=1.0) is None
    assert rates({"in": 100.0}, {"in": 150.0}, elapsed_s=2.0) == {"in": 25.0}


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan")])
def test_interval_must_be_above_zero(interval_s: float) -> None:
    with pytest.raises(UsageError, match=r"Give more than 0 seconds"):
        collect_host(interval_s, 1)


def test_without_psutil_the_mend_is_named() -> None:
    program = """
import sys
sys.modules["psutil"] = None
from telltale.telemetry.host import collect_host
try:
    collect_host(1, 1)
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    assert b"pip install 'telltale-loop[collect]'" in done.stdout
