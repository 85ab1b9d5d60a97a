import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from telltale.monitor.alarms import ALARM_NAMES, severity_of
from telltale.monitor.live_metrics import LiveMetrics

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = (FOLDER / "telltale.rules.yml").read_text(encoding="utf-8")


def _promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: `make system`, or the package prometheus")
    done = subprocess.run([program, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_rules_are_sound() -> None:
    assert "8 rules found" in _promtool("check", "rules", "telltale.rules.yml")


def test_each_rule_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in _promtool("test", "rules", "telltale.rules.test.yml")


def test_every_rule_is_tested() -> None:
    tests = (FOLDER / "telltale.rules.test.yml").read_text(encoding="utf-8")
    names = re.findall(r"- alert: (\w+)", RULES)

    assert names
    assert [name for name in names if f"alertname: {name}" not in tests] == []


def test_the_example_of_a_scrape_is_sound() -> None:
    _promtool("check", "config", "prometheus.yml")


def test_the_alarms_called_critical_are_those_that_are() -> None:
    (named,) = set(re.findall(r'name[!=]~"([a-z_|]+)"', RULES))

    assert named.split("|") == sorted(name for name in ALARM_NAMES if severity_of(name) == "critical")


def test_the_rules_ask_for_figures_that_there_are() -> None:
    registry = CollectorRegistry()
    LiveMetrics(registry)
    served = {family.name for family in registry.collect()} | {"telltale_alarm_active", "telltale_workers"}
    asked = set(re.findall(r"telltale_\w+", RULES))

    assert {re.sub(r"_(total|sum|count|bucket)$", "", name) for name in asked} <= served
