import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from telltale.contract.verdict import Target
from telltale.evaluate.gate import judge
from telltale.evaluate.metrics import DetectionResult, detection_metrics
from telltale.evaluate.plots import write_plots
from telltale.evaluate.report import write_report

TARGETS = (
    Target(metric="precision", op=">=", limit=0.95, goal=0.953),
    Target(metric="recall", op=">=", limit=0.85, goal=0.871),
    Target(metric="false_positive_rate", op="<=", limit=0.15, goal=0.118),
)
FACTS = {"task": "helios/anomaly", "version": "3", "data": "simulated"}
LABELS = np.array([1] * 44 + [0] * 820, dtype=np.int8)
SCORES = np.array([1.0] * 38 + [0.0] * 6 + [1.0] * 9 + [0.0] * 811)
VOID = {"meta", "img", "line", "circle"}


class Page(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset", "action"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def judged() -> DetectionResult:
    return detection_metrics(LABELS, SCORES, 0.5)


def write(path: Path, *, title: str = "helios/anomaly, version 3", plots: Path | None = None) -> str:
    result = judged()
    images = {} if plots is None else write_plots(plots, labels=LABELS, scores=SCORES, threshold=0.5)
    write_report(
        path,
        title=title,
        facts={**FACTS, "file": "<b>a&b.csv</b>"},
        verdict=judge(TARGETS, result.metrics, n=864, n_positive=44),
        metrics=result.metrics,
        images=images,
        notes=["These figures rest on simulated data alone."],
    )
    return path.read_text(encoding="utf-8")


def test_the_report_needs_nothing_beside_it(tmp_path: Path) -> None:
    source = write(tmp_path / "deep" / "report.html", plots=tmp_path)
    page = Page(source)

    assert len(page.addresses) == 5
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"@import|url\(|https?:", source)


def test_the_report_is_well_formed_and_says_what_was_judged(tmp_path: Path) -> None:
    page = Page(write(tmp_path / "report.html", plots=tmp_path))

    assert page.open == []
    for fact in ("helios/anomaly", "simulated", "These figures rest on simulated data alone."):
        assert fact in page.text


def test_targets_stand_with_mark_figure_interval_count_goal_and_prevalence(tmp_path: Path) -> None:
    text = Page(write(tmp_path / "report.html")).text

    assert "Fail Precision is 80.85 %, asked is ≥ 95 %. Prevalence 5.09 % (44 of 864 rows positive)" in text
    assert "✗ Precision 80.85 % ≥ 95 % ≥ 95.3 % 67.5 – 89.6 % 47 flagged" in text
    assert "✓ Recall 86.36 % ≥ 85 % ≥ 87.1 % 73.3 – 93.6 % 44 positive" in text
    assert "✓ False-positive rate 1.10 % ≤ 15 % ≤ 11.8 % 0.6 – 2.1 % 820 negative" in text


def test_names_from_files_cannot_become_markup(tmp_path: Path) -> None:
    page = Page(write(tmp_path / "report.html", title="<script>alert(1)</script>"))

    assert "script" not in page.tags
    assert "b" not in page.tags
    assert "<b>a&b.csv</b>" in page.text


def test_rows_without_labels_give_a_report_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    verdict = judge(TARGETS, {}, n=0, n_positive=0)

    write_report(path, title="t", facts=FACTS, verdict=verdict, metrics={}, images={})

    text = Page(path.read_text(encoding="utf-8")).text
    assert "Not enough evidence No row has a label" in text
    assert "Prevalence unknown (no labelled rows)" in text
    assert "nan" not in text


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.html", plots=tmp_path / "a") == write(tmp_path / "b.html", plots=tmp_path / "b")


@pytest.mark.parametrize("scheme", ["prefers-color-scheme: dark", "@media print", "max-width"])
def test_the_report_reads_in_the_dark_on_paper_and_on_a_phone(tmp_path: Path, scheme: str) -> None:
    assert scheme in write(tmp_path / "report.html")
