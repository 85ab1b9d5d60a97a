import numpy as np
import pytest

from telltale.evaluate.clean_entities import clean_entities_flagged, threshold_of_clean_entities


def test_an_entity_counts_once_and_one_with_an_event_not_at_all() -> None:
    entities = np.array([0, 0, 0, 1, 1, 2, 2])
    events = np.array([1, 0, 0, 0, 0, 0, 0], dtype=bool)
    decided = np.array([0, 1, 1, 1, 1, 0, 0], dtype=bool)

    found = clean_entities_flagged(events, decided, entities)

    assert (found.value, found.n) == (0.5, 2)


def test_nobody_is_clean_where_everybody_has_an_event() -> None:
    everybody = np.ones(2, dtype=bool)

    found = clean_entities_flagged(everybody, everybody, np.arange(2))

    assert found.n == 0
    assert np.isnan(found.value)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1])
def test_the_cut_flags_no_more_of_them_than_asked_and_finds_the_events(share: float) -> None:
    rng = np.random.default_rng(0)
    entities = np.sort(rng.integers(0, 200, 3_000))
    events = entities < 20
    scores = rng.normal(size=3_000) + 9.0 * events

    cut = threshold_of_clean_entities(events, scores, entities, share=share, recall=0.95)

    assert clean_entities_flagged(events, scores >= cut, entities).value <= share
    assert (scores[events] >= cut).mean() > 0.3


def test_where_both_cannot_be_had_most_events_are_still_found() -> None:
    rng = np.random.default_rng(1)
    entities = np.arange(2_000)
    events = entities < 500
    scores = rng.normal(size=2_000) + 0.5 * events

    cut = threshold_of_clean_entities(events, scores, entities, share=0.001, recall=0.95)

    assert (scores[events] >= cut).mean() >= 0.84


def test_of_few_rows_of_each_fewer_may_be_flagged() -> None:
    rng = np.random.default_rng(2)
    entities = np.sort(rng.integers(0, 500, 5_000))
    scores, nothing = rng.normal(size=5_000), np.zeros(5_000, dtype=bool)

    whole = threshold_of_clean_entities(nothing, scores, entities, share=0.1, recall=0.95)
    part = threshold_of_clean_entities(nothing, scores, entities, share=0.1, recall=0.95, seen=0.25)

    assert part > whole
