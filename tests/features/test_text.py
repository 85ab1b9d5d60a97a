"""Texts in plans: bounded, whatever they are, and the same for a row as for a frame."""

import json
from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.contract.plan import Plan, Step, TextStatistic, TextSurprise
from telltale.features.derive import PlanDraft
from telltale.features.frame import run_plan
from telltale.features.text import text_statistic, unescaped
from telltale.features.text_blocks import add_text_odds, text_surprise
from telltale.features.text_grams import N_BINS, grams, mean_of_table, read_table, worst_of_table, write_table
from telltale.features.text_odds import N_PARTS, fit_text_odds, odds_reader, part_of, text_bins
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import ENTITY, LABEL, TIME

hostile = st.one_of(
    st.none(),
    st.text(max_size=60),
    st.text(alphabet="%25+=&<'0aé\x00", max_size=60),
    st.sampled_from(["%", "%%%2", "%zz=%f1", "a" * 5_000, "&" * 3_000, "=%2525252541", "\ud800"]),
)
STATS = ("length", "digits", "signs", "longest", "escapes", "checksum")


def rows_of(texts: list[str | None], labels: list[int] | None = None) -> pl.DataFrame:
    time = pl.Series(TIME, [datetime(2024, 1, 1, tzinfo=UTC)] * len(texts), dtype=pl.Datetime("us", "UTC"))
    data = {ENTITY: [""] * len(texts), "query": pl.Series(texts, dtype=pl.String)}
    frame = pl.DataFrame(data).with_columns(time)
    return frame if labels is None else frame.with_columns(pl.Series(LABEL, labels, dtype=pl.Int8))


def normal_queries(n: int) -> list[str | None]:
    return [f"id={number}&name=item+{number % 17}" for number in range(n)]


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Every step that reads text, fitted on normal and labelled rows."""
    attacks: list[str | None] = [f"id={number}%27+OR+{number}%3D{number}--" for number in range(60)]
    texts = normal_queries(200) + attacks
    frame = rows_of(texts, [0] * 200 + [1] * 60)
    draft = PlanDraft(frame, ("query",))
    for stat in STATS:
        draft.add(TextStatistic(out=stat, column="query", stat=stat, otherwise=-1.0))  # type: ignore[arg-type]  # each is one
    surprise = text_surprise(draft, "query", form="shapes", size=2, by_parameter=True)
    odds = add_text_odds(draft, frame, ("query",), out="odds")
    return draft.finish(*STATS, surprise, *odds)


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(hostile, min_size=1, max_size=5))
def test_a_row_and_a_frame_read_a_text_alike_to_the_last_bit(plan: Plan, texts: list[str | None]) -> None:
    sent = [text if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    framed = run_plan(plan, rows_of(sent)).select(plan.features).to_numpy()

    compiled = CompiledPlan(plan)
    for text, expected in zip(sent, framed, strict=True):
        found = compiled.features(compiled.run([[text]], [0.0], ""))
        assert found == expected.tolist()
        assert np.isfinite(found).all()


def test_a_plan_with_texts_comes_back_from_its_json_and_is_small(plan: Plan) -> None:
    written = msgspec.json.encode(plan)

    assert msgspec.json.decode(written, type=Plan) == plan
    assert len(written) < 60_000
    assert plan.columns == ("query",)
    assert plan.text == plan.nullable == {"query"}


def test_work_on_a_text_is_bounded_however_long_it_is() -> None:
    for text in ("a" * 10**6, "%25" * 10**6, "a=b&" * 10**6, "&" * 10**6):
        assert len(grams(text, form="shapes", size=2, by_parameter=True)) < 5_000
        assert len(grams(text, form="characters", size=3, by_parameter=False)) < 5_000
    assert text_statistic("a" * 10**6, "length", 0.0) == 10**6


def test_escapes_are_undone_and_counted() -> None:
    assert unescaped("%2527%20OR+1") == (b"' or 1", 2)
    assert unescaped("100%") == (b"100%", 0)
    assert unescaped("%252525252541")[1] == 3


def test_what_normal_texts_lack_is_surprising_and_what_they_have_is_not(plan: Plan) -> None:
    told = run_plan(plan, rows_of(["id=999&name=item+3", "id=1%27--&name=item+3", "name=9&id=x%3Cy", None]))
    usual, quote, letter, nothing = told["query_surprise"].to_list()

    assert usual == 0
    assert min(quote, letter) > 0.3
    assert nothing == 0


def test_a_value_counts_by_the_name_it_has() -> None:
    normal: list[str | None] = [f"id={number}&name={'abc'[number % 3]}x" for number in range(300)]
    draft = PlanDraft(rows_of(normal), ("query",))
    text_surprise(draft, "query", form="shapes", size=2, by_parameter=True)
    plan = draft.finish("query_surprise")

    found = run_plan(plan, rows_of(["id=7&name=zx", "id=zx&name=zx"]))["query_surprise"].to_list()

    assert found[0] == 0
    assert found[1] > 0.3


def test_what_one_text_alone_has_is_as_good_as_unseen() -> None:
    texts = [*normal_queries(200), "id=7&name=%3C"]
    draft = PlanDraft(rows_of(texts), ("query",))
    text_surprise(draft, "query", form="shapes", size=2, by_parameter=True)

    assert draft.frame["query_surprise"][-1] > 0.3


def test_no_text_has_a_part_in_its_own_odds() -> None:
    rows = [(text,) for text in normal_queries(120)] + [(f"id={n}%27--",) for n in range(40)]
    labels = np.array([0] * 120 + [1] * 40, dtype=np.int8)
    one = ("id=5&name=odd-one",)
    without = fit_text_odds("odds", ("query",), rows, labels)
    with_it = fit_text_odds("odds", ("query",), [*rows, *[one] * 9], np.append(labels, [1] * 9).astype(np.int8))
    assert without is not None
    assert with_it is not None

    assert part_of(one) % N_PARTS in range(N_PARTS)
    assert odds_reader(with_it)(*one) == odds_reader(without)(*one)
    assert with_it != without  # the other tables were fitted on it


def test_odds_tell_attacks_that_were_not_shown() -> None:
    rows = [(text,) for text in normal_queries(200)] + [(f"id={n}%27+or+{n}--",) for n in range(100)]
    step = fit_text_odds("odds", ("query",), rows, np.array([0] * 200 + [1] * 100, dtype=np.int8))
    assert step is not None
    read = odds_reader(step)

    assert read("id=70007&name=item+4") < 0 < read("id=70007%27+or+1--")
    assert read(None) == 0.0


def test_a_table_is_written_and_read_in_eighths() -> None:
    values = np.zeros(N_BINS)
    values[3], values[5] = 1.26, 99.0

    table = read_table(write_table(values))

    assert (table[3], table[5], int(table.sum())) == (10, 255, 265)
    assert mean_of_table(np.array([3, 4]), table) == 10 / 16
    assert worst_of_table(np.array([3] * 8 + [4] * 20), table) == 10 / 8
    assert worst_of_table(np.empty(0, dtype=np.int64), table) == 0.0
    assert len(np.unique(text_bins(("a=1", None)))) > 3


def test_text_steps_are_data() -> None:
    steps: tuple[Step, ...] = (
        TextStatistic(out="n", column="query", stat="length", otherwise=0.0),
        TextSurprise(
            out="s",
            column="query",
            form="shapes",
            size=2,
            by_parameter=True,
            table=write_table(np.zeros(N_BINS)),
            otherwise=0.0,
        ),
    )

    assert json.loads(msgspec.json.encode(steps))[0]["op"] == "text_statistic"
