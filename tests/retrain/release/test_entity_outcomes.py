import random
from datetime import timedelta
from itertools import pairwise

import polars as pl
from tests.retrain.release.logged import HOUR, NOW, Logged

from telltale.retrain.release.entity_outcomes import entity_outcomes, group_comparison


def outcomes(log: Logged, *, after: timedelta) -> pl.DataFrame:
    now = NOW + after
    return entity_outcomes(log.desk().folder.events, "shop", "next", a=2, b=1, since=NOW, until=now, now=now)


def test_an_entity_has_the_mean_of_its_labels_once_they_have_settled(log: Logged) -> None:
    log.task = "next"
    log.answer(2, entity="anna", at_s=0, label=1)
    log.answer(2, entity="anna", at_s=60, label=0)
    log.answer(1, entity="bert", at_s=120, label=1)
    log.answer(1, entity="carl", at_s=180)  # nobody says anything of it

    assert outcomes(log, after=timedelta(minutes=59)).is_empty()
    found = outcomes(log, after=2 * HOUR)

    assert found.select("entity", "version", "outcome").rows() == [("anna", 2, 0.5), ("bert", 1, 1.0)]


def test_the_last_word_on_a_prediction_counts_if_it_came_in_time(log: Logged) -> None:
    log.task = "next"
    changed = log.answer(2, entity="anna", at_s=0, label=0)
    log.label(changed, 1, at_s=600)
    late = log.answer(2, entity="bert", at_s=0, label=0)
    log.label(late, 1, at_s=3_700)

    found = outcomes(log, after=3 * HOUR)

    assert found.select("entity", "outcome").rows() == [("anna", 1.0), ("bert", 0.0)]


def test_labels_that_come_a_day_later_count(log: Logged) -> None:
    log.task = "next"
    bought = log.answer(2, entity="anna", at_s=0)
    log.label(bought, 1, at_s=86_400)

    assert outcomes(log, after=timedelta(hours=24)).is_empty()
    assert outcomes(log, after=timedelta(hours=25))["outcome"].to_list() == [1.0]


def test_an_entity_that_both_versions_decided_for_is_left_out(log: Logged) -> None:
    log.task = "next"
    log.answer(1, entity="anna", at_s=0, label=1)
    log.answer(2, entity="anna", at_s=60, label=0)
    log.answer(2, entity="bert", at_s=60, label=0)

    assert outcomes(log, after=2 * HOUR)["entity"].to_list() == ["bert"]


def test_a_later_look_goes_on_where_an_earlier_one_ended(log: Logged) -> None:
    log.task = "next"
    rng = random.Random(5)
    for _ in range(400):
        entity, at_s = f"u{rng.randrange(90)}", rng.uniform(0, 40_000)
        name = log.answer(1 + int(entity[1:]) % 2, entity=entity, at_s=at_s)
        for _ in range(rng.randrange(3)):
            log.label(name, rng.randrange(2), at_s=at_s + rng.expovariate(1 / 3_000))
    looks = [outcomes(log, after=timedelta(hours=hours)).rows() for hours in range(0, 30, 3)]

    assert len(looks[-1]) > 60
    for earlier, later in pairwise(looks):
        assert later[: len(earlier)] == earlier


def test_a_version_whose_entities_fare_better_is_found_better(log: Logged) -> None:
    log.task = "next"
    for n in range(600):
        version = 1 + n % 2
        log.answer(version, entity=f"u{n}", at_s=n, label=int(n % 10 < (6 if version == 2 else 2)))
    events, now = log.desk().folder.events, NOW + 3 * HOUR

    found = group_comparison(events, "shop", "next", a=2, b=1, share=0.5, since=NOW, until=now, now=now)

    assert found.answer().conclusion == "A"
    assert (found.n_a, found.n_b) == (300, 300)
