import subprocess
import sys

import msgspec
import pytest


@pytest.mark.slow
def test_the_release_loop_holds_on_simulated_time_in_under_two_minutes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "telltale", "drill", "--json"], capture_output=True, check=False, timeout=300
    )

    found = msgspec.json.decode(done.stdout)
    broken = [(scene["name"], one) for scene in found["scenes"] for one in scene["seen"] if not one["holds"]]
    assert broken == []
    assert [scene["name"] for scene in found["scenes"]] == [
        "good_challenger",
        "bad_challenger",
        "drifting_stream",
        "faults",
    ]
    assert done.returncode == 0
    figures = found["scenes"][1]["figures"]
    assert 0 < figures["detection_delay_hours"] <= 96
    assert found["seconds"] < 120
