from io import StringIO

import numpy as np
import pytest
from rich.console import Console, RenderableType

from telltale.contract.verdict import Target
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.tables import confusion_table, metrics_table, targets_table, verdict_line

TARGETS = (
    Target(metric="precision", op=">=", limit=0.95, goal=0.953),
    Target(metric="recall", op=">=", limit=0.85, goal=0.871),
    Target(metric="false_positive_rate", op="<=", limit=0.15, goal=0.118),
)
RESULT = detection_metrics(
    np.array([1] * 44 + [0] * 820, dtype=np.int8),
    np.array([1.0] * 38 + [0.0] * 6 + [1.0] * 9 + [0.0] * 811),
    0.5,
)
VERDICT = judge(TARGETS, RESULT.metrics, n=864, n_positive=44)


def printed(renderable: RenderableType, *, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    file = console.file
    assert isinstance(file, StringIO)
    return "\n".join(" ".join(line.split()) for line in file.getvalue().splitlines())


def test_each_target_has_its_mark_figure_limit_goal_interval_and_count() -> None:
    text = printed(targets_table(VERDICT))

    assert "✗ Precision 80.85 % ≥ 95 % ≥ 95.3 % 67.5 – 89.6 % 47 flagged" in text
    assert "✓ Recall 86.36 % ≥ 85 % ≥ 87.1 % 73.3 – 93.6 % 44 positive" in text
    assert "✓ False-positive rate 1.10 % ≤ 15 % ≤ 11.8 % 0.6 – 2.1 % 820 negative" in text


@pytest.mark.parametrize("width", [80, 120])
def test_prevalence_stands_beside_precision(width: int) -> None:
    for table in (targets_table(VERDICT), metrics_table(RESULT.metrics, n=864, n_positive=44)):
        text = printed(table, width=width)

        assert "Precision" in text
        assert "Prevalence 5.09 % (44 of 864 rows positive)" in text


def test_no_figure_is_cut_off_on_a_narrow_console() -> None:
    text = printed(targets_table(VERDICT), width=80)

    assert "…" not in text
    assert "0.6 – 2.1 %" in text


def test_an_area_from_97_in_100_on_is_called_excellent() -> None:
    labels = np.arange(100, dtype=np.int8) % 2
    good = detection_metrics(labels, labels.astype(np.float64), 0.5)

    assert "AUROC 1.0000 (excellent)" in printed(metrics_table(good.metrics, n=100, n_positive=50))
    assert "excellent" not in printed(metrics_table(RESULT.metrics, n=864, n_positive=44))


def test_the_confusion_matrix_shows_every_count() -> None:
    text = printed(confusion_table(RESULT.counts))

    assert "normal 811 9 820" in text
    assert "anomalous 6 38 44" in text


def test_the_verdict_line_says_why() -> None:
    assert printed(verdict_line(VERDICT)) == "Fail: Precision is 80.85 %, asked is ≥ 95 %."


def test_an_undefined_figure_is_a_dash_and_never_a_number() -> None:
    text = printed(targets_table(judge(TARGETS, {}, n=0, n_positive=0)))

    assert "? Precision – ≥ 95 % ≥ 95.3 % – –" in text
    assert "nan" not in text
    assert "Prevalence unknown (no labelled rows)" in text
