"""Searches of parameters: what is tried, what is given up, what goes on after a break, and what is only luck."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.train import test_version as plain

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Features, Parameter, Parameters, Parts, Scores, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.estimators import estimator_named
from telltale.train.fitted import TrainingChoices
from telltale.train.prepared import prepare
from telltale.train.score_objective import ScoreObjective
from telltale.train.search_space import read_choice
from telltale.train.tune import Study, Trial, grid_search, tune
from telltale.train.version import TrainingRows, train_version

CheckedFrame = Callable[..., pl.DataFrame]
Labels = NDArray[np.int8]


def untold(_what: str, _done: int, _of: int) -> None:
    pass


class Valley:
    """Worth most where x is 3 and the kind is "b"; keeps what it was asked."""

    n_folds = 4

    def __init__(self) -> None:
        self.asked: list[tuple[float, str, int]] = []

    def try_fold(self, parameters: Mapping[str, Parameter], fold: int, *, seed: int) -> float:
        del seed
        x, kind = float(parameters["x"]), str(parameters["kind"])
        self.asked.append((x, kind, fold))
        return -((x - 3.0) ** 2) - (kind != "b")

    def worth(self, tried: Sequence[float]) -> float:
        return float(np.mean(tried))

    def gains(self, old: Sequence[float], new: Sequence[float], *, rng: np.random.Generator, n: int) -> Scores:
        del rng
        return np.full(n, self.worth(new) - self.worth(old))


SPACE = {"x": Choice(kind="float", low=0.0, high=10.0), "kind": Choice(kind="category", values=("a", "b", "c"))}
BASE: dict[str, Parameter] = {"x": 9.0, "kind": "a", "other": 1}


def search(valley: Valley, n_trials: int, study: Study | None = None) -> Trial:
    return tune(valley, SPACE, BASE, n_trials=n_trials, seed=0, progress=untold, study=study or Study())


def test_ranges_and_lists_are_searched_and_what_is_not_stays() -> None:
    valley = Valley()

    found = search(valley, 40)

    assert valley.asked[0] == (9.0, "a", 0)
    assert {kind for _, kind, _ in valley.asked} == {"a", "b", "c"}
    assert found.parameters["kind"] == "b"
    assert abs(float(found.parameters["x"]) - 3.0) < 0.6
    assert found.parameters["other"] == 1


def test_hopeless_trials_are_given_up_before_their_last_fold() -> None:
    valley = Valley()

    search(valley, 40)

    whole = [asked for asked in valley.asked if asked[2] == 3]
    begun = [asked for asked in valley.asked if asked[2] == 0]
    given_up = {asked[:2] for asked in begun} - {asked[:2] for asked in whole}
    assert len(given_up) >= 10
    best = max(-((x - 3.0) ** 2) - (kind != "b") for x, kind, _ in whole)
    assert all(-((x - 3.0) ** 2) - (kind != "b") < best for x, kind in given_up)


def test_a_search_that_was_cut_off_goes_on_from_its_file(tmp_path: Path) -> None:
    study = Study(path=str(tmp_path / "tuning.db"), name="valley")
    cut_off = Valley()
    cut_off.try_fold = broken_after(cut_off, 30)  # type: ignore[method-assign]  # as if the machine stopped
    with pytest.raises(KeyboardInterrupt):
        search(cut_off, 20, study)

    rest = Valley()
    found = search(rest, 20, study)
    again = Valley()

    n_begun = sum(fold == 0 for _, _, fold in cut_off.asked)
    assert sum(fold == 0 for _, _, fold in rest.asked) < 20
    assert n_begun > 4
    assert search(again, 20, study).parameters == found.parameters
    # All twenty are made: what is left to do is to see whether the best is more than luck.
    assert len(again.asked) == 3 * again.n_folds


def broken_after(valley: Valley, n: int) -> Callable[..., float]:
    def try_fold(parameters: Mapping[str, Parameter], fold: int, *, seed: int) -> float:
        if len(valley.asked) >= n:
            raise KeyboardInterrupt
        return Valley.try_fold(valley, parameters, fold, seed=seed)

    return try_fold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learning_rate=1e-4..1e-2:log", Choice(kind="float", low=1e-4, high=1e-2, log=True)),
        ("rate=0.5..2.5", Choice(kind="float", low=0.5, high=2.5)),
        ("batch_size=16..128", Choice(kind="int", low=16, high=128)),
        ("hidden_dim=64,128,256", Choice(kind="category", values=(64, 128, 256))),
        ("shape=flat,steep", Choice(kind="category", values=("flat", "steep"))),
    ],
)
def test_a_space_is_written_as_a_range_or_a_list(text: str, expected: Choice) -> None:
    assert read_choice(text) == (text.split("=", maxsplit=1)[0], expected)


@pytest.mark.parametrize("text", ["", "x", "x=", "=1..2", "x=2..1", "x=a..b", "x=0..1:log", "x=1..2:linear", "x=1,,2"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither a range nor a list"):
        read_choice(text)


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ({"width": Choice(kind="int", low=1, high=2)}, "Known: floor"),
        ({"floor": Choice(kind="float", low=5.0, high=6.0)}, "Widen the range"),
    ],
)
def test_a_space_that_cannot_be_meant_is_refused_with_the_mend(
    made_rows: CheckedFrame, tmp_path: Path, space: dict[str, Choice], named: str
) -> None:
    rows = plain.split(made_rows(600, labels=plain.anomalous(600)), 500)

    with pytest.raises(UsageError, match=named):
        plain.train(rows, tmp_path, TrainingChoices(n_trials=2, search_space=space))


def test_a_version_is_trained_with_what_was_found(made_rows: CheckedFrame, tmp_path: Path) -> None:
    rows: TrainingRows = plain.split(made_rows(900, labels=plain.anomalous(900)), 700)
    task = replace(plain.TASK, estimators=("isolation_forest",))
    choices = TrainingChoices(
        n_trials=3,
        search_space={"n_estimators": Choice(kind="category", values=(5, 100))},
        study=str(tmp_path / "tuning.db"),
    )

    trained = train_version(plain.APP, task, rows, choices, directory=tmp_path / "bundle", progress=untold)

    assert trained.manifest.parameters["n_estimators"] in {5, 100}
    assert (tmp_path / "tuning.db").is_file()


def test_tuning_is_seeded_and_never_worse_than_the_defaults_which_it_tries_first(made_rows: CheckedFrame) -> None:
    prepared = prepare(plain.TASK, made_rows(800, labels=plain.anomalous(800)), ("load",), progress=untold)
    estimator = estimator_named("robust_z")
    steps: list[tuple[str, int, int]] = []

    def tuned(n_trials: int) -> Trial:
        return tune(
            ScoreObjective(estimator, prepared),
            estimator.search_space,
            estimator.defaults,
            n_trials=n_trials,
            seed=0,
            progress=lambda *step: steps.append(step),
        )

    defaults, more = tuned(1), tuned(6)

    assert defaults.parameters == dict(estimator.defaults)
    assert more.worth >= defaults.worth
    assert tuned(6) == more
    assert steps[-1] == ("tuning", 6, 6)


class Blurred:
    """Scores the first feature with noise: as loud as `noise`, drawn anew for every `draw` and seed."""

    name = "blurred"
    kind: Kind = "score"
    traits = Traits()
    defaults: Mapping[str, Parameter] = MappingProxyType({"noise": 1.0, "draw": 5})
    search_space: Mapping[str, Choice] = MappingProxyType({})
    grid: Mapping[str, tuple[Parameter, ...]] = MappingProxyType({})

    def fit(
        self, features: Features, *, labels: Labels | None, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        del features, labels, tell
        return Parts(arrays={"blur": np.array([float(parameters["noise"]), float(parameters["draw"]), seed])})

    def load(self, parts: Parts) -> "Blur":
        return Blur(*parts.arrays["blur"].tolist())


class Blur:
    def __init__(self, noise: float, draw: float, seed: float) -> None:
        self.noise = noise
        self.rng = np.random.default_rng((int(draw), int(seed)))

    def score(self, features: Features) -> Scores:
        return np.asarray(features[:, 0] + self.noise * self.rng.normal(size=len(features)), dtype=np.float64)

    def score_one(self, features: Features) -> float:
        return float(self.score(features)[0])


def search_grid(frame: pl.DataFrame, grid: dict[str, tuple[Parameter, ...]]) -> tuple[dict[str, Parameter], int]:
    """The parameters that a grid search ends with, and how many combinations it told of."""
    prepared = prepare(plain.TASK, frame, ("load",), progress=untold)
    steps: list[tuple[str, int, int]] = []
    blurred = Blurred()
    objective = ScoreObjective(blurred, prepared)
    found = grid_search(objective, grid, blurred.defaults, seed=0, progress=lambda *step: steps.append(step))
    assert [step[1] for step in steps] == list(range(steps[-1][2] + 1))
    return found.parameters, steps[-1][2]


def test_grid_search_tries_every_combination_and_takes_one_that_is_clearly_better(made_rows: CheckedFrame) -> None:
    frame = made_rows(800, labels=plain.anomalous(800))

    assert search_grid(frame, {"noise": (2.0, 0.0, 1.5)}) == ({"noise": 0.0, "draw": 5}, 3)
    assert search_grid(frame, {"noise": (2.0, 0.0), "draw": (1, 2, 3)})[1] == 6


def test_grid_search_leaves_alone_what_was_only_lucky(made_rows: CheckedFrame) -> None:
    frame = made_rows(800, labels=plain.anomalous(800))

    assert search_grid(frame, {"draw": tuple(range(13))}) == (dict(Blurred.defaults), 13)
    assert search_grid(frame, {"noise": (1.0,)}) == (dict(Blurred.defaults), 1)
