import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.monitor.answer_counts import Stratum
from telltale.monitor.realised_quality import realised_hits, realised_rates


def stratum(decision: bool | None, n: int, labelled: int, positive: int, *, shadow_of: bool | None = None) -> Stratum:
    return Stratum(
        decided=decision if shadow_of is None else shadow_of,
        decision=decision,
        n=n,
        n_labelled=labelled,
        n_positive=positive,
        in_shadow=shadow_of is not None,
    )


def test_intervals_hold_the_truth_where_people_look_at_what_was_flagged() -> None:
    rng = np.random.default_rng(0)
    truth = {"precision": 0.0425 / 0.052, "recall": 0.85, "false_positive_rate": 0.01, "accuracy": 0.983}
    covered = dict.fromkeys(truth, 0)
    for repeat in range(200):
        positive = rng.random(5_000) < 0.05
        flagged = rng.random(5_000) < np.where(positive, 0.85, 0.01)
        labelled = flagged | (rng.random(5_000) < 0.1)
        strata = [
            stratum(
                decision,
                int(of.sum()),
                int((of & labelled).sum()),
                int((of & labelled & positive).sum()),
            )
            for decision, of in ((True, flagged), (False, ~flagged))
        ]
        found = realised_rates(strata, rng=np.random.default_rng(repeat)).rates
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high

    assert all(n >= 180 for n in covered.values()), covered


def test_answers_in_the_shadow_that_nobody_could_label_do_not_hide_what_was_decided() -> None:
    decided = [stratum(True, 40, 40, 38), stratum(False, 800, 800, 2)]
    unseen = stratum(True, 4, 0, 0, shadow_of=False)

    found = realised_rates([*decided, unseen], rng=np.random.default_rng(0))

    assert found == realised_rates(decided, rng=np.random.default_rng(0))
    assert found.rates["recall"].n == 40


def test_a_task_that_decides_nothing_has_a_hit_rate() -> None:
    found = realised_hits([stratum(None, 500, 50, 20)])

    assert (found.rates["hit_rate"].value, found.rates["hit_rate"].n) == (0.4, 50)
    assert realised_hits([stratum(None, 500, 0, 0)]).unknown == {"hit_rate": "no answer has a label"}


@pytest.mark.parametrize("n_labelled", [0, 3])
def test_nothing_answered_and_little_labelled_make_no_figure_of_nothing(n_labelled: int) -> None:
    found = realised_rates([stratum(False, 10, n_labelled, 0)], rng=np.random.default_rng(0))

    assert "precision" in found.unknown
    assert "recall" in found.unknown
    assert realised_rates([], rng=np.random.default_rng(0)).rates == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1)), max_size=4))
def test_every_figure_is_a_share_inside_of_its_interval_or_is_explained(
    drawn: list[tuple[bool, int, float, float]],
) -> None:
    strata = []
    for decision, n, labelled, positive in drawn:
        n_labelled = round(n * labelled)
        strata.append(stratum(decision, n, n_labelled, round(n_labelled * positive)))

    found = realised_rates(strata, rng=np.random.default_rng(0))

    assert found.rates.keys() | found.unknown.keys() == {"precision", "recall", "false_positive_rate", "accuracy"}
    assert not found.rates.keys() & found.unknown.keys()
    for measured in found.rates.values():
        assert 0 <= measured.low <= measured.value <= measured.high <= 1
