from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from telltale.monitor.source_metrics import SourceMetrics
from telltale.telemetry.backend.kept import Facts, source_folder, write_facts

URL = "http://shop:8080/orders?token=secret"


def page_of(home: Path) -> str:
    registry = CollectorRegistry()
    registry.register(SourceMetrics(home))
    return generate_latest(registry).decode()


def value_of(page: str, name: str) -> float:
    (line,) = (line for line in page.splitlines() if line.startswith(f"{name}{{"))
    assert line.partition(" ")[0] == f'{name}{{app="storefront",event="order",source="http://shop:8080/orders"}}'
    return float(line.rpartition(" ")[2])


def test_a_source_is_shown_with_its_age_and_whether_it_is_away(tmp_path: Path) -> None:
    facts = Facts(app="storefront", event="order", address="http://shop:8080/orders")
    folder = source_folder(tmp_path, "storefront", "order", URL)
    write_facts(folder, facts)
    assert value_of(page_of(tmp_path), "telltale_source_stale") == 0.0
    assert "telltale_source_age_seconds{" not in page_of(tmp_path)

    now = datetime.now(UTC)
    away = Facts(
        app="storefront",
        event="order",
        address=facts.address,
        taken_at=now - timedelta(hours=2),
        failing_since=now,
        fault="it answered 503",
    )
    write_facts(folder, away)
    page = page_of(tmp_path)

    assert value_of(page, "telltale_source_stale") == 1.0
    assert value_of(page, "telltale_source_age_seconds") == pytest.approx(7_200, abs=60)


def test_a_home_without_sources_and_one_with_a_damaged_file_show_none(tmp_path: Path) -> None:
    assert "telltale_source_stale{" not in page_of(tmp_path)
    folder = source_folder(tmp_path, "storefront", "order", URL)
    folder.mkdir(parents=True)
    (folder / "facts.json").write_text("{")

    assert "telltale_source_stale{" not in page_of(tmp_path)
