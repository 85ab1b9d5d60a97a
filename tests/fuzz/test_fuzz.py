"""No body breaks the server, whatever its bytes; `make fuzz` tries fifty times as many."""

from pathlib import Path

import pytest
from tests.fuzz.rounds import case, run_round
from tests.fuzz.targets import TARGETS, make_home

pytestmark = pytest.mark.slow
_GROWTH = 60e6  # bytes; the allocator keeps some of what large bodies took


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("fuzz"))


def test_changed_bytes_are_answered_or_refused_and_nothing_grows(home: Path) -> None:
    found = run_round(home, seed=7, n_cases=2_000)

    assert found.faults == []
    assert 0.1 < found.n_taken / found.n_cases < 0.7  # neither harmless, nor stopped before a decoder sees it
    assert found.end_bytes - found.warm_bytes < _GROWTH


def test_a_case_is_found_again_by_its_seed_and_number() -> None:
    assert [case(3, number) for number in range(50)] == [case(3, number) for number in range(50)]
    assert case(3, 1) != case(4, 1)
    assert {case(3, number)[0] for number in range(len(TARGETS))} == set(TARGETS)
