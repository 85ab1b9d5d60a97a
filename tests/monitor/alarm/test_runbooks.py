import re
from pathlib import Path

import pytest

from telltale.monitor.alarms import ALARM_NAMES, RUNBOOKS, severity_of

PAGE = (Path(__file__).parents[3] / RUNBOOKS).read_text(encoding="utf-8")


def test_every_alarm_has_a_heading_and_every_heading_an_alarm() -> None:
    # Alerts of Prometheus alone have a chapter of their own, which tests/deploy/test_watching.py looks at.
    ours = PAGE.partition("\n# What only Prometheus can tell\n")[0]
    headings = re.findall(r"^## (.+)$", ours, re.MULTILINE)

    assert sorted(headings) == sorted(ALARM_NAMES)


@pytest.mark.parametrize("name", ALARM_NAMES)
def test_every_runbook_says_what_to_look_at_and_how_to_mend_it(name: str) -> None:
    section = PAGE.partition(f"## {name}\n")[2].partition("\n#")[0]

    assert section.strip().startswith(severity_of(name).capitalize())
    assert "- Look: " in section
    assert "- Mend: " in section
