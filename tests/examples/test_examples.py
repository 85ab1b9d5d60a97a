import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.server, pytest.mark.slow]


def said_by(name: str, *arguments: Path, folder: Path) -> str:
    """What an example prints, started from an empty folder; nothing may be left there."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("TELLTALE")},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return done.stdout


def test_this_machines_metrics_are_collected_trained_on_and_scored(tmp_path: Path) -> None:
    said = said_by("host_metrics.py", folder=tmp_path)

    assert "trained on 120 rows" in said
    # Whether a busy machine is unusual depends on what else it does; that there is an answer with a reason does not.
    assert re.search(r"^now: (normal|ANOMALOUS), score 0\.\d+, threshold 0\.\d+$", said, re.MULTILINE)
    assert re.search(r"^    \w+ is .*, expected .* to .*$", said, re.MULTILINE)


@pytest.mark.data
def test_a_machine_without_times_has_its_labelled_incidents_flagged(data_folder: Path, tmp_path: Path) -> None:
    file = min((data_folder / "asd").glob("*.test.parquet"))

    said = said_by("asd_machine.py", file, folder=tmp_path)

    found = re.search(r"labelled: (\d+) rows in (\d+) incidents; (\d+) incidents have a flag", said)
    assert found is not None
    assert int(found[3]) >= int(found[2]) / 2
    assert re.search(r"^    m\d\d is .*, expected .* to .*$", said, re.MULTILINE)


@pytest.mark.data
@pytest.mark.parametrize("place", [0, 1])
def test_a_labelled_series_is_trained_on_in_the_store_and_scored_as_events(
    data_folder: Path, tmp_path: Path, place: int
) -> None:
    file = sorted((data_folder / "kpi_netman").glob("*.parquet"))[place]

    said = said_by("kpi_series.py", file, folder=tmp_path)

    assert "rows of the store" in said
    assert re.search(r"labelled: [1-9]\d* rows", said)
    assert re.search(r"^    value is .*, expected .* to .* at that time$", said, re.MULTILINE)
