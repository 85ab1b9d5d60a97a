"""Simulated people are as individual as real ones: measured on real free text, with room for chance."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from telltale.apps.personhood import APP, VERIFY
from telltale.apps.personhood.attacks_plain import sequences_of_typed
from telltale.apps.personhood.schema import FIVE, KEY_CLASSES
from telltale.apps.personhood.simulate_people import draw_people
from telltale.apps.personhood.typists import type_by_hand
from telltale.contract.sequence import TimedSequence
from telltale.contract.simulation import Simulation
from telltale.models.verification.matcher import fit_background, match
from telltale.models.verification.trials import people_of
from telltale.train.sources import check_simulated, simulated

N_PEOPLE, N_DAYS = 100, 8
LETTER, SPACE, CORRECTION = (KEY_CLASSES.index(name) for name in ("letter", "space", "correction"))
Rows = NDArray[np.float64]


@pytest.fixture(scope="module")
def sessions() -> list[list[TimedSequence]]:
    """By day, by person."""
    people = draw_people(np.random.default_rng(0), N_PEOPLE)
    return [sequences_of_typed(type_by_hand(np.random.default_rng([0, day]), people, day)) for day in range(N_DAYS)]


def hold(one: TimedSequence, kind: int) -> float:
    return float(np.log(one.lasted_ms[one.kinds == kind]).mean())


def gap(one: TimedSequence, before: int, kind: int) -> float:
    at = (one.kinds[:-1] == before) & (one.kinds[1:] == kind) & (one.since_ms[1:] < 1_000)
    return float(np.log(one.since_ms[1:][at]).mean())


def rollover(one: TimedSequence) -> float:
    return float((one.since_ms[1:] < one.lasted_ms[:-1]).mean())


def spreads(rows: Rows) -> tuple[float, float]:
    """Of days by people: the deviation between people, and that of the days of the person in the middle."""
    within = np.nanvar(rows, axis=0, ddof=1)
    between = np.nanmean(rows, axis=0).var(ddof=1) - within.mean() / len(rows)
    return float(np.sqrt(between)), float(np.sqrt(np.median(within)))


def test_holds_are_a_persons_own_and_move_from_day_to_day(sessions: list[list[TimedSequence]]) -> None:
    between, within = spreads(np.array([[hold(one, LETTER) for one in day] for day in sessions]))

    assert 0.15 < between < 0.3  # real: .21
    assert 0.05 < within < 0.12  # real: .08


@pytest.mark.parametrize(("before", "after", "real"), [(LETTER, SPACE, 0.14), (SPACE, LETTER, 0.13)])
def test_what_a_person_does_at_a_space_is_beside_what_it_does_between_letters(
    sessions: list[list[TimedSequence]], before: int, after: int, real: float
) -> None:
    beside = [[gap(one, before, after) - gap(one, LETTER, LETTER) for one in day] for day in sessions]
    between, _ = spreads(np.array(beside))

    assert 0.7 * real < between < 1.6 * real


def test_some_roll_from_key_to_key_and_some_hardly(sessions: list[list[TimedSequence]]) -> None:
    own = np.array([[rollover(one) for one in day] for day in sessions]).mean(axis=0)

    assert np.quantile(own, 0.1) < 0.1
    assert np.quantile(own, 0.9) > 0.35


def test_nobody_rolls_over_into_a_correction(sessions: list[list[TimedSequence]]) -> None:
    for one in sessions[0]:
        corrected = one.kinds[1:] == CORRECTION

        assert (one.since_ms[1:][corrected] + 0.2 >= one.lasted_ms[:-1][corrected]).all()  # times are rounded


def test_corrections_come_in_a_row_about_half_of_the_time(sessions: list[list[TimedSequence]]) -> None:
    kinds = np.concatenate([np.append(one.kinds, LETTER) for day in sessions for one in day])
    corrected = kinds == CORRECTION

    assert corrected[1:][corrected[:-1]].mean() == pytest.approx(0.5, abs=0.1)  # real: .51


def test_neighbours_of_a_word_are_off_together(sessions: list[list[TimedSequence]]) -> None:
    found = []
    for one in sessions[0]:
        log = np.where(one.kinds == LETTER, np.log(one.lasted_ms), np.nan)
        log -= np.nanmean(log)
        found.append(np.nanmean(log[1:] * log[:-1]) / np.nanvar(log))

    assert 0.03 < np.mean(found) < 0.2  # real: .10


def test_people_are_unlike_in_how_constant_they_are(sessions: list[list[TimedSequence]]) -> None:
    moves = np.array([[hold(one, LETTER) for one in day] for day in sessions]).std(axis=0, ddof=1)

    assert np.quantile(moves, 0.9) > 2.5 * np.quantile(moves, 0.1)  # real: 3.7 times, by six days of each


def test_people_get_quicker_with_practice_and_never_slower() -> None:
    people = draw_people(np.random.default_rng(0), N_PEOPLE)
    novices = replace(people, practice=np.full(N_PEOPLE, 0.5))

    pace = []
    for who, day in ((novices, 0), (novices, 10), (novices, 100), (people, 100)):
        typed = type_by_hand(np.random.default_rng(1), who, day)
        pace.append(np.median(np.concatenate([one.since_ms for one in sequences_of_typed(typed)])))

    assert pace[0] > 1.15 * pace[1]
    assert pace[1] > 1.15 * pace[2]
    assert pace[2] == pytest.approx(pace[3], rel=0.01)


def test_another_keyboard_moves_the_holds() -> None:
    people = draw_people(np.random.default_rng(0), N_PEOPLE)
    moved = []
    for share in (0.0, 1.0):
        where = replace(people, elsewhere=np.full(N_PEOPLE, share))
        typed = sequences_of_typed(type_by_hand(np.random.default_rng(1), where, 0))
        moved.append(np.array([hold(one, LETTER) for one in typed]))

    assert 0.08 < np.std(moved[0] - moved[1]) < 0.2


def test_the_session_event_has_twenty_five_days_of_everybody_unless_asked_otherwise() -> None:
    rows = simulated(APP, "session", Simulation())

    assert rows.height == 6_250
    assert rows["user_id"].value_counts()["count"].unique().to_list() == [25]
    own = rows.filter(pl.col("is_legitimate") == 1)["user_id"].value_counts()["count"]
    assert own.min() >= 12  # type: ignore[operator]
    assert set(rows["classes"].explode().unique()) == set(KEY_CLASSES)


def test_scaled_manhattan_on_the_five_averages_does_not_reach_what_verification_must() -> None:
    """Ten sessions enrolled, the others judged; the threshold is the best there is for the judged, and is not enough."""
    rows = simulated(APP, "averages", Simulation(days=20))
    distances, labels = [], []
    for person in rows.partition_by("user_id"):
        five, own = person.select(FIVE).to_numpy(), person["is_legitimate"].to_numpy() == 1
        enrolled = np.flatnonzero(own)[:10]
        mean = five[enrolled].mean(axis=0)
        spread = np.maximum(np.abs(five[enrolled] - mean).mean(axis=0), 1.0)
        later = np.arange(len(five)) > enrolled[-1]
        distances.append((np.abs(five[later] - mean) / spread).sum(axis=1))
        labels.append(own[later])
    distance, own = np.concatenate(distances), np.concatenate(labels)

    far, frr = rates(-distance, own)
    assert not ((far < 0.03) & (frr < 0.05)).any()
    assert 0.05 < far[np.abs(far - frr).argmin()] < 0.1  # the equal error rate: measured .07


@pytest.mark.slow
def test_whole_sequences_reach_it() -> None:
    """The same, on other people than those of the background: half of everybody."""
    assert VERIFY.verification is not None
    people = people_of(check_simulated(APP, "session", Simulation()).frame, VERIFY.verification)
    half = len(people) // 2
    with threadpool_limits(1):  # matrices this small only wait for each other's threads
        background = fit_background([person.enrolled for person in people[:half]])
        scores = np.concatenate([match(person.enrolled, background).score(person.trials) for person in people[half:]])
    own = np.concatenate([person.is_genuine for person in people[half:]])

    far, frr = rates(scores, own)
    n_wrong = far * (~own).sum() + frr * own.sum()
    assert ((far < 0.03) & (frr < 0.05) & (n_wrong < 0.05 * len(own))).any()


def rates(scores: Rows, own: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """FAR and FRR at every threshold that there is."""
    thresholds = np.unique(scores)
    frr = np.searchsorted(np.sort(scores[own]), thresholds) / own.sum()
    far = 1.0 - np.searchsorted(np.sort(scores[~own]), thresholds) / (~own).sum()
    return far, frr
