import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.error_rates import equal_error_rate
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics, verifies
from telltale.evaluate.wording import count_text, figure_name

PER_PERSON = {"eer_per_person", "zero_miss_false_alarm_rate_per_person"}
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.sampled_from("abc")),
    min_size=1,
    max_size=60,
)


def made_up(
    n_people: int = 40, n_each: int = 25, *, apart: float = 2.0, moved: float = 1.5, seed: int = 3
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.str_]]:
    """People whose scores are each moved as a whole: with thresholds of their own they are told apart better."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), n_each)
    labels = (rng.random(len(person)) < 0.6).astype(np.int8)
    scores = rng.normal(size=len(person)) + apart * labels + moved * rng.normal(size=n_people)[person]
    return labels, scores, np.char.add("user_", person.astype(str))


def zero_miss_walked(labels: list[int], scores: list[float]) -> float:
    """The plain way: rejected are the genuine rows that are not above every impostor."""
    highest = max(score for label, score in zip(labels, scores, strict=True) if label == 0)
    genuine = [score for label, score in zip(labels, scores, strict=True) if label == 1]
    return sum(score <= highest for score in genuine) / len(genuine)


@settings(max_examples=60, deadline=None)  # four hundred resamples each
@given(rows=ROWS)
def test_every_figure_is_what_the_plain_way_counts(rows: list[tuple[int, float, str]]) -> None:
    labels, scores = [row[0] for row in rows], [row[1] for row in rows]
    people = [row[2] for row in rows]
    as_arrays = np.array(labels, dtype=np.int8), np.array(scores)

    found = verification_metrics(*as_arrays, 0.5, people)

    own = {name: [row[:2] for row in rows if row[2] == name] for name in set(people)}
    both = [list(zip(*pairs, strict=True)) for pairs in own.values() if len({label for label, _ in pairs}) == 2]
    if len(own) > 1 and both:
        eers = [equal_error_rate(np.array(one[0], dtype=np.int8), np.array(one[1])) for one in both]
        misses = [zero_miss_walked(one[0], one[1]) for one in both]
        assert found["eer_per_person"].value == pytest.approx(np.mean(eers))
        assert found["zero_miss_false_alarm_rate_per_person"].value == pytest.approx(np.mean(misses))
        assert found["eer_per_person"].n == len(both)
    else:
        assert all(found[name].n == 0 and np.isnan(found[name].value) for name in PER_PERSON)
    if len(set(labels)) == 2:
        assert found["zero_miss_false_alarm_rate"].value == pytest.approx(zero_miss_walked(labels, scores))
        assert found["eer"] == found["eer_global"]
        assert found["eer"].value == pytest.approx(equal_error_rate(*as_arrays))
    for measured in found.values():
        assert measured.n == 0 or 0 <= measured.low <= measured.value <= measured.high <= 1


def test_thresholds_of_their_own_look_far_better_than_one_for_all() -> None:
    labels, scores, people = made_up()

    found = verification_metrics(labels, scores, 1.0, people)

    assert found["eer_per_person"].value < 0.7 * found["eer_global"].value
    assert found["zero_miss_false_alarm_rate_per_person"].value < found["zero_miss_false_alarm_rate"].value


def test_rows_of_one_person_err_together_so_intervals_are_wider_than_of_independent_rows() -> None:
    labels, scores, people = made_up()
    of_rows = detection_metrics(labels, scores, 1.0).metrics

    found = verification_metrics(labels, scores, 1.0, people)

    for name in ("far", "frr"):
        assert found[name].high - found[name].low > 1.5 * (of_rows[name].high - of_rows[name].low)


def test_intervals_hold_what_other_people_show_about_as_often_as_they_say() -> None:
    truth = verification_metrics(*made_up(4_000, seed=99)[:2], 1.0)
    n_held = dict.fromkeys(("far", "frr", "eer_global", "auroc", "accuracy"), 0)

    for seed in range(60):
        labels, scores, people = made_up(seed=seed)
        found = verification_metrics(labels, scores, 1.0, people)
        for name in n_held:
            n_held[name] += found[name].low <= truth[name].value <= found[name].high

    assert min(n_held.values()) >= 51, n_held  # 57 of 60 are promised; by chance alone fewer than 51 in one of 400


def test_where_nobody_errs_the_intervals_keep_a_width() -> None:
    labels = np.tile(np.array([0, 1], dtype=np.int8), 30)

    found = verification_metrics(labels, labels.astype(np.float64), 0.5, np.repeat(np.arange(6), 10))

    assert all(found[name].value == 0.0 for name in ("far", "frr", "eer", "zero_miss_false_alarm_rate", *PER_PERSON))
    assert all(found[name].high > 0.05 for name in ("far", "frr", "eer", "zero_miss_false_alarm_rate", *PER_PERSON))
    assert found["accuracy"].low < 1.0
    assert found["auroc"].low < 1.0


def test_without_entities_rows_stand_alone_and_figures_per_person_are_not_defined() -> None:
    labels, scores, _ = made_up()
    of_rows = detection_metrics(labels, scores, 1.0).metrics

    nobody = verification_metrics(labels, scores, 1.0)
    one = verification_metrics(labels, scores, 1.0, [""] * len(labels))

    for found in (nobody, one):
        assert all(found[name] == of_rows[name] for name in ("accuracy", "far", "frr", "eer", "auroc"))
        assert all(found[name].n == 0 for name in PER_PERSON)


def test_the_same_rows_give_the_same_intervals_and_another_seed_others() -> None:
    labels, scores, people = made_up()

    first, again = (verification_metrics(labels, scores, 1.0, people) for _ in range(2))

    assert first == again
    assert verification_metrics(labels, scores, 1.0, people, seed=1)["far"] != first["far"]


@pytest.mark.parametrize("labels", [np.zeros(8, dtype=np.int8), np.ones(8, dtype=np.int8)])
def test_rows_of_one_class_leave_undefined_what_needs_both(labels: NDArray[np.int8]) -> None:
    found = verification_metrics(labels, np.linspace(0, 1, 8), 0.5, list("aabbccdd"))

    undefined = {name for name, measured in found.items() if measured.n == 0}
    assert {"eer", "eer_global", "auroc", "zero_miss_false_alarm_rate", *PER_PERSON} <= undefined
    assert ("far" in undefined) == bool(labels.all())
    assert ("frr" in undefined) == (not labels.any())


def test_an_entity_for_each_row_is_asked_for() -> None:
    with pytest.raises(ValueError, match="got 2 for 3"):
        verification_metrics(np.array([0, 1, 1], dtype=np.int8), np.array([0.1, 0.2, 0.3]), 0.2, ["a", "b"])


def test_every_figure_has_a_name_of_its_own_and_says_what_it_counts() -> None:
    labels, scores, people = made_up()
    found = verification_metrics(labels, scores, 1.0, people)

    names = {figure_name(name) for name in found}

    assert len(names) == len(found)
    assert all("_" not in name for name in names)
    assert {name for name in found if count_text(name, 3) == "3 rows"} == {"accuracy"}


@pytest.mark.parametrize("metric", ["far", "frr", "eer", "eer_global", "eer_per_person", "zero_miss_false_alarm_rate"])
def test_a_task_that_asks_for_an_error_rate_verifies(metric: str) -> None:
    recall = Target(metric="recall", op=">=", limit=0.9)

    assert verifies((recall, Target(metric=metric, op="<=", limit=0.05)))
    assert not verifies((recall,))
