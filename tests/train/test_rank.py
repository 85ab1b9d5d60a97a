"""Orders of items end to end: trained, stored, asked, judged."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from telltale.contract.app import App, Task
from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.kinds import Ranking
from telltale.contract.query import RankQuery
from telltale.contract.schema import Column, EventSchema
from telltale.contract.split import LastOfEach
from telltale.contract.verdict import Target
from telltale.models.bundle import load_bundle, save_bundle
from telltale.models.rank_runtime import MOST_ITEMS, RankRuntime, best
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.fitted import TrainingChoices
from telltale.train.rank import interactions, judge_rank
from telltale.train.split import hold_out
from telltale.train.version import TrainingRows, train_version

START = datetime(2024, 1, 1, tzinfo=UTC)
N_ITEMS = 30

TASK = Task(
    name="recommend",
    kind="rank",
    event="interaction",
    estimators=("ease", "popular"),
    targets=(Target(metric="hit_rate_10_gain", op=">=", limit=0.0),),
    minimum_rows=50,
    schedule="0 3 * * 0",
    split=LastOfEach(n_rows=1),
    ranking=Ranking(item="item_id"),
)
EVENT = EventSchema(
    name="interaction", columns=(Column(name="item_id", dtype="str"),), entity="user_id", key=("item_id",)
)


def no_rows(event: str, how: object) -> pl.DataFrame:
    raise UsageError(event)


APP = App(name="shop", title="", events=(EVENT,), tasks=(TASK,), simulate=no_rows, start=START)


def took(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    """Who took what, an hour apart."""
    n = len(pairs)
    return sort_checked(
        pl.DataFrame(
            {
                ENTITY: [entity for entity, _ in pairs],
                TIME: pl.Series([START + timedelta(hours=place) for place in range(n)]).dt.cast_time_unit("us"),
                LINE: pl.Series(range(1, n + 1), dtype=pl.Int64),
                "item_id": [item for _, item in pairs],
            }
        )
    )


def two_tastes(n_users: int = 80, seed: int = 0) -> pl.DataFrame:
    """Every other user takes from the first half of the items, the others from the second."""
    rng = np.random.default_rng(seed)
    pairs = []
    for user in range(n_users):
        own = rng.permutation(N_ITEMS // 2)[:8] + (user % 2) * (N_ITEMS // 2)
        pairs += [(f"u{user:03d}", f"i{item:02d}") for item in own.tolist()]
    return took([pairs[place] for place in rng.permutation(len(pairs))])


def trained(frame: pl.DataFrame, directory: Path, **choices: object) -> RankRuntime:
    train, held_out = hold_out(frame, TASK.split)
    rows = TrainingRows(kind="file", train=train, held_out=held_out, columns=("item_id",))
    made = TrainingChoices(**choices)  # type: ignore[arg-type]  # by name, as the tests write them
    train_version(APP, TASK, rows, made, directory=directory, progress=lambda *_: None)
    return RankRuntime(load_bundle(directory))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> RankRuntime:
    return trained(two_tastes(), tmp_path_factory.mktemp("rank"))


def items_of(runtime: RankRuntime, **query: object) -> list[str]:
    return [ranked.item for ranked in runtime.ask([RankQuery(**query)])[0].items]  # type: ignore[arg-type]  # by name


def half(items: list[str]) -> set[bool]:
    return {int(item[1:]) < N_ITEMS // 2 for item in items}


def test_a_known_entity_is_offered_new_items_of_its_taste(runtime: RankRuntime) -> None:
    answer = runtime.ask([RankQuery(entity="u000", top_k=5)])[0]
    items = [ranked.item for ranked in answer.items]

    assert answer.source == "personal"
    assert half(items) == {True}
    assert not set(items) & set(runtime.seen_by("u000"))
    assert len(runtime.seen_by("u000")) == 8  # the item left out for the gate is known again


def test_one_who_only_tells_what_they_saw_is_offered_more_like_it(runtime: RankRuntime) -> None:
    answer = runtime.ask([RankQuery(seen=("i20", "i21", "no such item"), top_k=5)])[0]

    assert answer.source == "session"
    assert half([ranked.item for ranked in answer.items]) == {False}


def test_a_stranger_is_offered_what_is_popular(runtime: RankRuntime) -> None:
    for query in (RankQuery(), RankQuery(entity="nobody"), RankQuery(entity="nobody", seen=("no such item",))):
        answer = runtime.ask([query])[0]

        assert answer.source == "popular"
        assert tuple(ranked.item for ranked in answer.items) == runtime.popular(10)


def test_items_seen_since_training_are_not_offered_and_count(runtime: RankRuntime) -> None:
    before = items_of(runtime, entity="u000", top_k=3)
    after = items_of(runtime, entity="u000", top_k=3, seen=tuple(before))

    assert not set(before) & set(after)


def test_items_seen_can_be_asked_for(runtime: RankRuntime) -> None:
    everything = items_of(runtime, entity="u000", top_k=100, include_seen=True)

    assert len(everything) == N_ITEMS
    assert len(items_of(runtime, entity="u000", top_k=100)) == N_ITEMS - 8


@pytest.mark.parametrize("top_k", [0, -1, MOST_ITEMS + 1])
def test_a_number_of_items_out_of_range_is_refused(runtime: RankRuntime, top_k: int) -> None:
    with pytest.raises(UsageError, match=f"from 1 to {MOST_ITEMS}"):
        runtime.ask([RankQuery(top_k=top_k)])


def test_the_best_of_equal_scores_are_the_more_popular(runtime: RankRuntime) -> None:
    scores, popularity = np.array([1.0, 2.0, 1.0, 1.0, 0.0]), np.array([1.0, 0.0, 9.0, 1.0, 9.0])

    assert best(scores, popularity, 3).tolist() == [1, 2, 0]
    assert best(scores, popularity, 99).tolist() == [1, 2, 0, 3, 4]


def test_a_frame_is_answered_for_each_of_its_entities(runtime: RankRuntime) -> None:
    answered = runtime.answer_frame(took([("u000", "i01"), ("stranger", "i20"), ("u000", "i02")]))

    assert answered.columns == [ENTITY, "rank", "item", "score", "source"]
    assert answered.group_by(ENTITY, maintain_order=True).agg("source").rows() == [
        ("stranger", ["session"] * 10),
        ("u000", ["personal"] * 10),
    ]
    assert not set(answered.filter(pl.col(ENTITY) == "u000")["item"]) & {"i01", "i02"}


def test_it_is_judged_by_new_items_over_the_whole_catalogue(runtime: RankRuntime) -> None:
    seen = runtime.seen_by("u000")
    offered = items_of(runtime, entity="u000", top_k=1)

    hit = judge_rank(TASK, runtime, took([("u000", offered[0])])).metrics
    repeat = judge_rank(TASK, runtime, took([("u000", seen[0])]))
    unknown = judge_rank(TASK, runtime, took([("u000", "never seen in training")])).metrics

    assert hit["ndcg_10"].value == 1.0
    assert repeat.metrics == {}
    assert repeat.verdict.outcome == "not_enough_evidence"
    assert unknown["hit_rate_10"].value == 0.0


def test_taste_beats_popularity_and_popularity_equals_itself(runtime: RankRuntime, tmp_path: Path) -> None:
    personal = runtime.manifest.metrics
    popular = trained(two_tastes(), tmp_path, estimator="popular").manifest

    assert personal["hit_rate_10_gain"] > 0.2  # type: ignore[operator]  # it was judged
    assert personal["popular_hit_rate_10"] == popular.metrics["hit_rate_10"]
    assert popular.metrics["hit_rate_10_gain"] == 0.0
    assert runtime.manifest.parameters["l2"] > 0  # type: ignore[operator]  # what was chosen is told


def test_rows_without_an_entity_or_an_item_have_no_part() -> None:
    frame = took([("u1", "a"), ("", "b"), ("u2", "c")])
    frame = frame.with_columns(
        pl.when(pl.col("item_id") == "c").then(None).otherwise(pl.col("item_id")).alias("item_id")
    )

    entities, items, rows = interactions(frame, Ranking(item="item_id"))

    assert (entities, items) == (("u1",), ("a",))
    assert (rows.users.tolist(), rows.items.tolist()) == ([0], [0])


def test_one_item_is_no_order(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="1 different values of item_id"):
        trained(took([(f"u{number}", "a") for number in range(5)] * 2), tmp_path)


@pytest.mark.parametrize("lost", ["seen_starts", "popularity_of_items"])
def test_a_bundle_that_lacks_a_part_is_refused_by_its_name(runtime: RankRuntime, tmp_path: Path, lost: str) -> None:
    from msgspec.structs import replace

    parts = runtime.bundle.parts
    arrays = {name: array for name, array in parts.arrays.items() if name != lost}
    save_bundle(tmp_path, runtime.manifest, replace(parts, arrays=arrays), runtime.bundle.trained_rows)

    with pytest.raises(BundleError, match=rf"arrays.safetensors lacks \['{lost}'\]"):
        RankRuntime(load_bundle(tmp_path))
