from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.monitor.quality_home import (
    START,
    Scored,
    answer,
    answer_in_shadow,
    label,
    label_span,
    register,
    scored_helios,
    trained_helios,
)

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.errors import NotFoundError
from telltale.monitor.live_quality import LiveQuality, live_quality
from telltale.registry.registry import Registry
from telltale.storage.folder import Folder, open_folder

LATER = START + timedelta(days=10)
# Ten flagged, eight of them rightly; ninety not flagged, three of them wrongly.
ROWS = Scored(
    scores=np.array([0.9] * 10 + [0.1] * 90), labels=np.array([1] * 8 + [0] * 2 + [1] * 3 + [0] * 87, dtype=np.int8)
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = open_folder(tmp_path / "home")
    register(opened, trained_helios())
    yield opened
    opened.close()


def measure(folder: Folder, **changes: Any) -> LiveQuality:
    arguments = {"version": 1, "since": START, "until": LATER, **changes}
    return live_quality(folder.events, Registry(folder.state, folder.artifacts), APP, ANOMALY, **arguments)


def test_with_a_label_on_every_answer_figures_are_plain_shares_with_their_counts(folder: Folder) -> None:
    label(folder, answer(folder, ROWS), ROWS.labels, at=LATER)

    found = measure(folder)

    assert (found.n, found.n_labelled, found.unknown) == (100, 100, {})
    assert {name: (round(rate.value, 4), rate.n) for name, rate in found.realised.items()} == {
        "precision": (0.8, 10),
        "recall": (0.7273, 11),
        "false_positive_rate": (0.0225, 89),
        "accuracy": (0.95, 100),
    }
    assert all(rate.low < rate.value < rate.high for rate in found.realised.values())


def test_labels_of_flagged_rows_alone_tell_precision_and_nothing_of_what_was_missed(folder: Folder) -> None:
    ids = answer(folder, ROWS)

    label(folder, ids[:10], ROWS.labels[:10], at=LATER)

    found = measure(folder)
    assert found.realised.keys() == {"precision"}
    assert found.realised["precision"].value == 0.8
    assert set(found.unknown) == {"recall", "false_positive_rate", "accuracy"}
    assert found.unknown["recall"] == "none of the 90 rows that were not flagged has a label"


def test_recall_counts_rows_that_nobody_looked_at_like_those_beside_them(folder: Folder) -> None:
    rng = np.random.default_rng(1)
    labels = np.concatenate((np.arange(100) < 90, np.arange(1_900) < 100)).astype(np.int8)  # recall is 90 of 190
    rows = Scored(scores=np.array([0.9] * 100 + [0.1] * 1_900), labels=labels)
    ids = answer(folder, rows)
    looked_at = [*range(100), *(100 + rng.permutation(1_900)[:400])]
    label(folder, [ids[i] for i in looked_at], labels[looked_at], at=LATER)

    recall = measure(folder).realised["recall"]

    among_labelled = 90 / labels[looked_at].sum()
    assert among_labelled > 0.75
    assert recall.low < 90 / 190 < recall.high < among_labelled


def test_the_last_word_counts_and_a_span_reaches_its_entity_alone(folder: Folder) -> None:
    ids = answer(folder, ROWS)
    label_span(folder, "service-0", START, START + timedelta(minutes=25), 1, at=LATER)  # rows 0 and 3

    label(folder, ids[3:4], [0], at=LATER)

    found = measure(folder)
    assert found.n_labelled == 2
    assert found.realised["precision"].value == 0.5


def test_only_answers_of_the_version_and_the_span_count(folder: Folder) -> None:
    register(folder, trained_helios())
    label(folder, answer(folder, ROWS), ROWS.labels, at=LATER)
    answer(folder, ROWS, version=2)

    assert measure(folder, version=2).n_labelled == 0
    assert measure(folder, since=START + timedelta(minutes=50)).n == 90
    assert measure(folder, until=START + timedelta(minutes=50)).n == 10


def test_the_label_delay_is_the_median_from_request_to_label(folder: Folder) -> None:
    ids = answer(folder, ROWS)
    label(folder, ids[:3], [1, 1, 1], at=START + timedelta(hours=5))

    assert measure(folder).label_delay_s == 5 * 3_600 - 300
    assert measure(folder, since=START + timedelta(hours=1)).label_delay_s is None


def test_a_version_in_the_shadow_is_judged_on_the_labels_of_the_same_requests(folder: Folder) -> None:
    register(folder, trained_helios())
    ids = answer(folder, ROWS)
    better = Scored(scores=ROWS.labels.astype(np.float64) * 0.9, labels=ROWS.labels)
    answer_in_shadow(folder, ids, better, version=2)
    label(folder, ids, ROWS.labels, at=LATER)

    found = measure(folder, version=2)

    assert (found.n, found.realised["precision"].value, found.realised["recall"].value) == (100, 1.0, 1.0)


def test_what_only_the_shadow_flagged_is_unknown_where_only_flagged_rows_get_labels(folder: Folder) -> None:
    register(folder, trained_helios())
    ids = answer(folder, ROWS)
    answer_in_shadow(folder, ids, Scored(scores=np.full(100, 0.9), labels=ROWS.labels), version=2)
    label(folder, ids[:10], ROWS.labels[:10], at=LATER)

    found = measure(folder, version=2)

    assert found.realised == {}
    assert "on which another version decided otherwise" in found.unknown["precision"]


def test_figures_that_no_row_defines_are_left_out_with_the_reason(folder: Folder) -> None:
    quiet = Scored(scores=np.full(5, 0.1), labels=np.zeros(5, dtype=np.int8))
    label(folder, answer(folder, quiet), quiet.labels, at=LATER)

    found = measure(folder)

    assert found.unknown == {"precision": "no row was flagged", "recall": "no labelled row is positive"}
    assert found.realised["accuracy"].value == 1.0


def test_estimated_figures_stand_beside_the_realised_before_there_is_a_label(folder: Folder) -> None:
    answer(folder, scored_helios(trained_helios(), seed=1))

    found = measure(folder)

    assert found.realised == {}
    assert found.estimated.keys() == {"precision", "recall", "false_positive_rate", "accuracy"}
    assert msgspec.json.decode(msgspec.json.encode(found))["estimated"]["precision"]["n"] > 0
    assert found == measure(folder)


def test_a_version_without_a_calibration_says_why_it_has_no_estimate(folder: Folder) -> None:
    manifest = Registry(folder.state, folder.artifacts).get("helios", "anomaly", 1).path / "manifest.json"
    document = msgspec.json.decode(manifest.read_bytes())
    del document["calibration"]  # as in bundles from before there were calibrations
    manifest.write_bytes(msgspec.json.encode(document))
    answer(folder, ROWS)

    found = measure(folder)

    assert (found.estimated, found.no_estimate) == (
        {},
        "it was trained without enough labelled rows kept back",
    )


def test_a_version_that_does_not_exist_is_named(folder: Folder) -> None:
    with pytest.raises(NotFoundError, match="version 7"):
        measure(folder, version=7)
