import numpy as np
import pytest

from telltale.contract.verdict import Measured, Target
from telltale.evaluate.intervals import rate
from telltale.retrain.release.quality_harm import quality_harm

RECALL = Target(metric="recall", op=">=", limit=0.8)
ALARMS = Target(metric="false_positive_rate", op="<=", limit=0.1)


def test_a_target_that_is_missed_for_certain_is_named_with_its_figures() -> None:
    told = quality_harm({"recall": rate(60, 120)}, [RECALL])

    assert told == "recall is 0.500 (0.412 to 0.588) on 120 labelled rows; >= 0.8 is asked"


@pytest.mark.parametrize(
    ("measured", "target"),
    [
        (rate(20, 40), RECALL),  # too few
        (rate(90, 120), RECALL),  # below, but not for certain
        (rate(120, 120), RECALL),
        (rate(15, 120), ALARMS),
        (rate(0, 120), ALARMS),
        (Measured(value=float("nan"), low=float("nan"), high=float("nan"), n=0), RECALL),
    ],
)
def test_what_chance_could_do_is_no_harm(measured: Measured, target: Target) -> None:
    assert quality_harm({target.metric: measured}, [target]) == ""


def test_more_false_alarms_than_asked_are_harm_and_other_figures_are_not_asked() -> None:
    assert "false_positive_rate is 0.300" in quality_harm({"false_positive_rate": rate(60, 200)}, [RECALL, ALARMS])
    assert quality_harm({"precision": rate(1, 200)}, [RECALL, ALARMS]) == ""


def test_looking_after_every_row_cries_wolf_in_one_of_twenty_weeks_at_most() -> None:
    rng = np.random.default_rng(3)
    looks = range(50, 1_001, 10)
    n_cried = 0
    for _ in range(200):
        hits = np.cumsum(rng.random(1_000) < RECALL.limit)
        n_cried += any(quality_harm({"recall": rate(int(hits[n - 1]), n)}, [RECALL]) for n in looks)

    assert n_cried <= 10
