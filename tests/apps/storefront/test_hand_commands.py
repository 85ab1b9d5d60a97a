"""`telltale hand …`: told, drawn, compared, from a file."""

import json
from pathlib import Path

import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from telltale.cli import main


@pytest.fixture
def iris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in found.feature_names]
    frame = pl.DataFrame(dict(zip(names, found.data.T, strict=True)))
    frame.with_columns(kind=pl.Series(found.target), note=pl.lit("seen")).write_csv("iris.csv")
    return tmp_path / "iris.csv"


def hand(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, object]:
    capsys.readouterr()
    assert main(["hand", *arguments, "--json"]) == status
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_tree_is_told_and_drawn(iris: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    arguments = ["hand", "tree", "--data", str(iris), "--label", "kind", "--max-depth", "2", "--criterion", "entropy"]
    assert main([*arguments, "--draw", f"tree.{suffix}"]) == 0

    told = capsys.readouterr().out
    assert "petal_length <= 2.45: 150 rows" in told or "petal_width <= 0.8: 150 rows" in told
    assert "Importance: petal_" in told
    drawn = (iris.parent / f"tree.{suffix}").read_bytes()
    if suffix == "svg":
        text = drawn.decode()
        assert text.startswith("<?xml")
        assert "entropy 1.585, gain 0.918" in text
        assert "petal_" in text
    else:
        assert drawn.startswith(b"\x89PNG")


def test_pruning_and_limits_are_given_on_the_command_line(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaves = [
        hand(capsys, "tree", "--data", str(iris), "--label", "kind", *more)["n_leaves"]
        for more in ((), ("--ccp-alpha", "0.1"), ("--min-samples-leaf", "40"))
    ]

    assert leaves == [9, 3, 3]


def test_a_line_is_told_and_the_fall_of_its_cost_drawn(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "hand",
        "logistic",
        "--data",
        str(iris),
        "--label",
        "kind",
        "--learning-rate",
        "0.5",
        "--iterations",
        "200",
    ]
    assert main([*arguments, "--draw", "cost.svg"]) == 0

    assert "Cost 1.099 at first" in capsys.readouterr().out
    assert "after 200 steps, not settled yet" in (iris.parent / "cost.svg").read_text()


def test_both_are_compared_on_rows_held_out(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = load_breast_cancer()
    frame = pl.DataFrame({f"x{at}": column for at, column in enumerate(found.data.T)}).with_columns(
        label=pl.Series(found.target)
    )
    frame.write_parquet("cancer.parquet")

    told = hand(capsys, "compare", "--data", "cancer.parquet")

    assert (told["n_test"], told["judged_on"]) == (113, "held-out rows")
    logistic = told["logistic_regression"]
    assert isinstance(logistic, dict)
    assert logistic["agreement"] >= 0.98
    assert logistic["manual"]["auroc"] > 0.98
    assert main(["hand", "compare", "--data", "cancer.parquet"]) == 0
    assert "both say the same of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tree", "--data", "iris.csv"), "columns ['label'] are missing"),
        (("tree", "--data", "iris.csv", "--label", "petal_width"), "is not of at most 50 whole numbers"),
        (("tree", "--data", "iris.csv", "--label", "kind", "--draw", "tree.gif"), "'.gif' is not known"),
        (("tree", "--data", "iris.csv", "--label", "kind", "--criterion", "luck"), "'luck' is not known"),
        (("logistic", "--data", "iris.csv", "--label", "kind", "--lambda-reg", "much"), "'much' is no number"),
        (("logistic", "--data", "holes.csv"), "columns ['a'] have rows without a number"),
        (("compare", "--data", "iris.csv", "--label", "kind", "--test-size", "2"), "2 is no share"),
        (("compare", "--data", "none.csv"), "there is no such file"),
    ],
)
def test_wrong_use_is_told(
    iris: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    Path("holes.csv").write_text("a,label\n1,0\n,1\n2,1\n")

    assert message in str(hand(capsys, *arguments, status=2)["error"])
