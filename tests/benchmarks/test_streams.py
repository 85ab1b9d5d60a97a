import json
import shutil
import subprocess
import sys

import pytest
from benchmarks.streams import bodies


def test_rows_of_all_services_come_before_the_next_moment() -> None:
    rows = [json.loads(body) for body in bodies(401)]

    assert len({(row["timestamp"], row["service"]) for row in rows}) == 401
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert rows[0]["service"] == rows[200]["service"] == rows[400]["service"]


@pytest.mark.slow
@pytest.mark.server
def test_nothing_is_lost_and_nothing_doubled() -> None:
    if not (shutil.which("redis-server") and shutil.which("nats-server")):
        pytest.skip("redis-server and nats-server are not installed: make system")
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "streams", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)["rows"][0]["metrics"]

    for broker in ("redis", "nats"):
        for name in ("lost", "doubled", "lost_by_kills", "doubled_by_kills"):
            assert figures[f"{broker}_{name}"] == 0
        assert figures[f"{broker}_events_per_s"] > 0
