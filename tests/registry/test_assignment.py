"""Who decides for whom: shares as asked, the same everywhere, and no entity leaves that a step has added."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.query import RankQuery
from telltale.features.derive import PlanDraft
from telltale.models.manifest import Manifest, decode_manifest
from telltale.registry.assignment import decides, missing_columns, unit_of
from telltale.telemetry.frames import ENTITY, TIME

UNITS = [f"entity-{n}".encode() for n in range(10_000)]


@pytest.mark.parametrize("percent", [1, 5, 25, 50, 95])
def test_the_share_is_close_to_what_was_asked(percent: int) -> None:
    n = sum(decides("salt", unit, percent) for unit in UNITS)

    deviation = (percent / 100 * (1 - percent / 100) * len(UNITS)) ** 0.5
    assert abs(n - percent / 100 * len(UNITS)) < 4 * deviation


def test_all_or_none_are_exactly_that() -> None:
    assert not any(decides("salt", unit, 0) for unit in UNITS)
    assert all(decides("salt", unit, 100) for unit in UNITS)


@given(unit=st.binary(max_size=40), low=st.integers(0, 100), more=st.integers(0, 100))
def test_a_rising_share_only_adds(unit: bytes, low: int, more: int) -> None:
    assert not decides("salt", unit, low) or decides("salt", unit, min(100, low + more))


def test_two_releases_pick_entities_independently() -> None:
    first = {unit for unit in UNITS if decides("one", unit, 25)}
    second = {unit for unit in UNITS if decides("two", unit, 25)}

    assert abs(len(first & second) / len(UNITS) - 0.25 * 0.25) < 0.01


def test_another_process_agrees() -> None:
    script = (
        "from telltale.registry.assignment import decides;"
        "print([decides('salt', f'entity-{n}'.encode(), 25) for n in range(200)])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert told.stdout.strip() == str([decides("salt", unit, 25) for unit in UNITS[:200]])


def test_a_request_without_an_entity_is_known_by_what_it_asks() -> None:
    assert unit_of(None, (1.0, None)) == unit_of(None, [1.0, None]) != unit_of(None, (1.0, 2.0))
    assert unit_of(None, RankQuery(seen=("a",))) != unit_of(None, RankQuery(seen=("b",)))
    assert unit_of("sw-1", (1.0,)) == unit_of("sw-1", (2.0,))


_BUNDLE = Path(__file__).parents[1] / "models/bundles/format_1/robust_z/bundle/manifest.json"


def _manifest(*raw: str, filled: tuple[str, ...] = ()) -> Manifest:
    """A manifest of a plan that reads some columns as they are and fills others."""
    frame = pl.DataFrame({name: [float(n * n) for n in range(30)] for name in (*raw, *filled)}).with_columns(
        pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).alias(TIME), pl.lit("x").alias(ENTITY)
    )
    draft = PlanDraft(frame, (*raw, *filled))
    columns = [draft.raw(name) for name in raw] + [draft.fill(name, limit=2) for name in filled]
    document = msgspec.json.decode(_BUNDLE.read_bytes()) | {"plan": msgspec.to_builtins(draft.finish(*columns))}
    return decode_manifest(msgspec.json.encode(document), where="test")


def test_columns_that_the_champion_does_not_read_are_missing() -> None:
    champion = _manifest("load", "heat")

    assert missing_columns(champion, _manifest("heat", "noise")) == ("noise",)
    assert missing_columns(champion, _manifest("heat")) == ()


def test_a_column_that_only_the_champion_fills_is_missing() -> None:
    champion = _manifest("heat", filled=("load",))

    assert missing_columns(champion, _manifest("heat", "load")) == ("load",)
    assert missing_columns(champion, _manifest("heat", filled=("load",))) == ()
    assert missing_columns(_manifest("heat", "load"), champion) == ()
