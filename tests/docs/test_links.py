import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.docs.pages import ROOT, anchors_of, links_of, name_of, pages

from telltale.monitor.alarms import ALARM_NAMES, severity_of


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_to_a_file_or_heading_of_the_repository_leads_there(page: Path) -> None:
    astray = []
    for line, target in links_of(page):
        path, _, anchor = unquote(target).partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            astray.append(f"{name_of(page)}:{line}: {target}: there is no such file")
        elif not there.is_relative_to(ROOT):
            astray.append(f"{name_of(page)}:{line}: {target}: leads out of the repository")
        elif anchor and anchor not in anchors_of(there):
            astray.append(f"{name_of(page)}:{line}: {target}: that page has no such heading")

    assert astray == []


def test_every_guide_can_be_reached_from_the_index() -> None:
    reached, next_ones = set[Path](), [ROOT / "docs" / "README.md"]
    while next_ones:
        page = next_ones.pop()
        reached.add(page)
        targets = (page.parent / target.partition("#")[0] for _, target in links_of(page))
        # A link to a folder shows its README.
        found = {(path / "README.md" if path.is_dir() else path).resolve() for path in targets}
        next_ones += [path for path in found - reached if path.suffix == ".md" and path.is_file()]

    assert [name_of(page) for page in pages() if page.is_relative_to(ROOT / "docs") and page not in reached] == []


def test_every_alarm_has_its_runbook_with_what_to_look_at_and_what_to_do() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    rules = (ROOT / "deploy" / "prometheus" / "telltale.rules.yml").read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}

    assert set(ALARM_NAMES) <= set(sections)
    assert {*sections} - set(ALARM_NAMES) <= set(re.findall(r"- alert: (\w+)", rules))
    for name, section in sections.items():
        said = {severity_of(name).capitalize()} if name in ALARM_NAMES else {"Critical", "Warning"}
        assert re.match(r"\w+", section.split("\n\n")[1])[0] in said, name  # type: ignore[index]  # a paragraph begins with a word
        assert "- Look: " in section, name
        assert "- Mend: " in section, name
        assert "- It ends " in section, name


def test_every_runbook_that_a_rule_of_prometheus_names_is_there() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "telltale.rules.yml").read_text(encoding="utf-8")
    named = set(re.findall(r'runbook: "docs/runbooks\.md#(\w+)"', rules))

    assert named
    assert {name.lower() for name in named} <= anchors_of(ROOT / "docs" / "runbooks.md")


def test_every_page_that_code_or_a_configuration_names_is_there() -> None:
    named = set[tuple[str, str]]()
    for folder in ("src", "deploy", "tools", "benchmarks", "examples"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".yml", ".yaml", ".toml", ".json", ".html", ".env", ""} and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                named |= {(name_of(path), page) for page in re.findall(r"\bdocs/[\w/-]+\.md", text)}

    assert named
    assert [f"{path}: {page}" for path, page in sorted(named) if not (ROOT / page).is_file()] == []
