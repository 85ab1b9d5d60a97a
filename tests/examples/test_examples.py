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
    assert re.search(r"^now: (normal|ANOMALOUS), score \d+\.\d+, threshold \d+\.\d+$", said, re.MULTILINE)
    assert re.search(r"^    \w+ is .*, expected .* to .*$", said, re.MULTILINE)


def test_averages_alone_tell_programs_and_a_reference_of_the_person_tells_people(tmp_path: Path) -> None:
    said = said_by("personhood_averages.py", folder=tmp_path)

    # accuracy, FAR, FRR, EER, AUROC, and the share accepted of people, scripts and imitations
    figures = {line[:34].strip(): [float(value) for value in line[34:].split()] for line in said.splitlines()[3:]}
    alone, changes, manhattan = figures.values()
    assert list(figures) == [
        "perceptron, five numbers",
        "perceptron, five and their changes",
        "scaled Manhattan, five numbers",
    ]
    assert alone[4] == pytest.approx(0.75, abs=0.03)  # half of the impostors are people: as good as a coin
    assert max(alone[6:]) < 0.02
    assert changes[4] > 0.97
    assert manhattan[4] > 0.97


def test_codecs_are_measured_on_real_blocks_and_chosen_for_others(tmp_path: Path) -> None:
    said = said_by("pakit_training.py", folder=tmp_path)

    figures = dict(re.findall(r"^(\w+): (\d\.\d+)$", said, re.MULTILINE))
    assert "collected: 500 blocks" in said
    # Times are this machine's, so codecs that are near equal change places; what a wrong one costs is told by the regret.
    assert float(figures["regret"]) < float(figures["regret_best_single"])
    assert re.search(r"^cheapest, chosen: .* recall precision$", said, re.MULTILINE)
    assert "saved: " in said
    assert "model.onnx" in said


def test_a_device_is_asked_for_by_its_name_alone(tmp_path: Path) -> None:
    said = said_by("eyenet_devices.py", folder=tmp_path)

    answers = re.findall(
        r"^([\w-]+): (normal|ANOMALOUS), score 0\.\d+ at \S+?( \(a fault is on\))?[;\n]", said, re.MULTILINE
    )
    assert len(answers) == 5
    assert [device for device, word, _ in answers if word == "ANOMALOUS"] == [
        device for device, _, fault in answers if fault
    ]
    assert "nowhere: 0 rows of 'nowhere' are stored" in said


@pytest.mark.data
def test_a_machine_without_times_has_its_labelled_incidents_flagged(data_folder: Path, tmp_path: Path) -> None:
    # Not the first: its training rows hold so much that is odd that nothing later is rare enough for an alarm.
    file = max((data_folder / "asd").glob("*.test.parquet"))

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


def test_a_made_up_shop_is_trained_on_its_store_and_asked_over_http(tmp_path: Path) -> None:
    said = said_by("storefront_shop.py", folder=tmp_path)

    passed = re.findall(r"^(\w+): pass in", said, re.MULTILINE)
    assert passed == ["requests", "activity", "users", "recommend", "trend"]
    assert "a customer's request: normal" in said
    assert "a guesser's request: ATTACK" in said
    assert re.search(r"^a customer of 7 purchases: .*many purchases", said, re.MULTILINE)
    assert re.search(r"^for customer 123 \(personal\): (\d+, ){4}\d+$", said, re.MULTILINE)
    assert len(re.findall(r"^product-01, 2024-\d\d-\d\d: \d+ \(\d+ to \d+\)$", said, re.MULTILINE)) == 3


def test_a_peer_that_breaks_down_is_soon_asked_no_more(tmp_path: Path) -> None:
    said = said_by("pakit_peers.py", folder=tmp_path)

    broken = re.search(r"now (peer-\d+) is down", said)
    assert broken is not None
    turns = [int(n) for n in re.findall(rf"; {broken[1]} (\d+)$", said, re.MULTILINE)]
    assert len(turns) == 4
    assert sum(turns[2:]) <= 6
    assert "after 480 outcomes" in said
    assert re.search(r"^step \d+: reverted to \d+, what \d+ outcomes taught$", said, re.MULTILINE)
