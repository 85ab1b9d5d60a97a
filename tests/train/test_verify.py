"""Verification is judged on people whom neither background nor threshold has seen, and attackers are measured beside them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace as with_parts

from telltale.apps.personhood import APP, VERIFY
from telltale.contract.attack import Attack
from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.sequence import TimedSequence
from telltale.models.bundle import load_bundle
from telltale.models.verification.confidence import CONFIDENCE
from telltale.models.verification.trials import people_of
from telltale.models.verify_runtime import VerifyRuntime
from telltale.telemetry.frames import ENTITY, LABEL
from telltale.testing.samples import sample_rows
from telltale.train.attacks import attack_metrics
from telltale.train.fitted import TrainingChoices
from telltale.train.verify import judge_verify, tried
from telltale.train.version import Trained, TrainingRows, train_version

ROWS = sample_rows(APP, VERIFY)


def trained(directory: Path, rows: TrainingRows = ROWS, choices: TrainingChoices | None = None) -> Trained:
    chosen = choices or TrainingChoices(estimator="profile_alone")
    return train_version(APP, VERIFY, rows, chosen, directory=directory, progress=lambda *_: None)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> VerifyRuntime:
    directory = tmp_path_factory.mktemp("verify") / "bundle"
    trained(directory)
    return VerifyRuntime(load_bundle(directory))


def test_the_figures_are_those_of_the_served_scores(runtime: VerifyRuntime) -> None:
    judged = judge_verify(VERIFY, runtime, ROWS.held_out)
    answers = runtime.answer_frame(ROWS.held_out).filter(pl.col("part") == "verified")

    accepted = answers.filter(pl.col("label") == 0)["decision"].mean()
    rejected = 1.0 - answers.filter(pl.col("label") == 1)["decision"].mean()  # type: ignore[operator]  # a share

    assert judged.metrics["far"].value == pytest.approx(accepted)
    assert judged.metrics["frr"].value == pytest.approx(rejected)
    assert judged.tried is not None
    assert len(judged.tried.labels) == judged.verdict.n == answers.height


def test_enrolled_rows_are_never_judged(runtime: VerifyRuntime) -> None:
    answers = runtime.answer_frame(ROWS.held_out)

    enrolled = answers.filter(pl.col("part") == "enrolled")
    assert enrolled["score"].null_count() == enrolled.height > 0
    assert (enrolled["label"] == 1).all()


def test_without_labels_other_people_stand_in_as_impostors(tmp_path: Path) -> None:
    own = ROWS.train.filter(pl.col(LABEL) == 1).drop(LABEL)
    later = ROWS.held_out.filter(pl.col(LABEL) == 1).drop(LABEL)
    rows = TrainingRows(kind="file", train=own, held_out=later, columns=ROWS.columns)

    found = trained(tmp_path / "bundle", rows)

    assert found.judged.tried is not None
    assert (found.judged.tried.labels == 0).sum() > (found.judged.tried.labels == 1).sum()
    assert found.judged.metrics["auroc"].value > 0.7
    assert found.manifest.operating_point is not None
    assert found.manifest.operating_point.n_positive > 0


def test_a_handful_of_people_is_too_few_and_a_search_makes_no_sense(tmp_path: Path) -> None:
    names = ROWS.train[ENTITY].unique().sort()[:5]
    few = TrainingRows(
        kind="file",
        train=ROWS.train.filter(pl.col(ENTITY).is_in(names.implode())),
        held_out=ROWS.held_out,
        columns=ROWS.columns,
    )

    with pytest.raises(NotEnoughDataError, match="at least 8 people"):
        trained(tmp_path / "few", few)
    with pytest.raises(UsageError, match="--tune"):
        trained(tmp_path / "tuned", choices=TrainingChoices(estimator="profile_alone", n_trials=3))


def test_the_threshold_of_an_operator_replaces_the_bundles(runtime: VerifyRuntime) -> None:
    strict = VerifyRuntime(runtime.bundle, threshold=1e9)

    judged = judge_verify(VERIFY, strict, ROWS.held_out)

    assert (judged.metrics["far"].value, judged.metrics["frr"].value) == (0.0, 1.0)


def test_a_bundle_without_its_confidence_is_refused(runtime: VerifyRuntime) -> None:
    parts = runtime.bundle.parts
    bare = with_parts(parts, arrays={name: kept for name, kept in parts.arrays.items() if name != CONFIDENCE})

    with pytest.raises(Exception, match="confidence"):
        VerifyRuntime(with_parts(runtime.bundle, parts=bare))


def _replay(known: Sequence[TimedSequence], _rng: np.random.Generator, n: int) -> list[TimedSequence]:
    return [known[place % len(known)] for place in range(n)]


def _slow(known: Sequence[TimedSequence], _rng: np.random.Generator, n: int) -> list[TimedSequence]:
    """From the victim's rhythm to one four times as slow, in so many steps."""
    return [
        TimedSequence(
            kinds=(one := known[place % len(known)]).kinds,
            lasted_ms=one.lasted_ms * np.float32(4.0 ** (place / n)),
            since_ms=one.since_ms * np.float32(4.0 ** (place / n)),
        )
        for place in range(n)
    ]


def test_attacks_are_tried_on_everybody_and_what_is_learned_is_told_apart(runtime: VerifyRuntime) -> None:
    people = people_of(ROWS.held_out, runtime.verification)
    attacks = (
        Attack(name="again", title="an enrolled one again", make=_replay, knows="enrolled"),
        Attack(name="overheard", title="another of theirs", make=_replay, knows="others"),
        Attack(name="slowly", title="slower and slower", make=_slow, is_learned=True),
    )

    found = attack_metrics(runtime, people, attacks)

    assert set(found) == {"attack_again", "attack_overheard", "attack_slowly", "attack_slowly_own"}
    assert found["attack_again"].value == 0.0  # nobody types the same twice
    genuine = tried(runtime.verifier, people)
    own_rate = (genuine.scores[genuine.labels == 1] >= runtime.threshold).mean()
    assert found["attack_overheard"].value > own_rate - 0.2  # which no timing can tell from the person's own
    assert found["attack_again"].n > 0
    assert found == attack_metrics(runtime, people, attacks)
