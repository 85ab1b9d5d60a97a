"""What can be asked of an order of items: filters, what is not wanted, unlike items, groups, and what was had since."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from telltale.contract.answer import RankAnswer
from telltale.contract.app import App, Task
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Interactions, Parts
from telltale.contract.kinds import Ranking
from telltale.contract.query import RankQuery
from telltale.contract.schema import Column, EventSchema
from telltale.contract.split import LastOfEach
from telltale.models.bundle import load_bundle
from telltale.models.rank_runtime import RankRuntime
from telltale.models.recommend.diversity import diversify
from telltale.models.recommend.item_attributes import ItemAttributes, companions
from telltale.models.stan import ESTIMATOR as STAN
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

START = datetime(2024, 1, 1, tzinfo=UTC)
N_ITEMS, N_USERS = 24, 40
COLOURS: Final = ("red", "green", "blue")
ITEMS: Final = tuple(f"i{number:02d}" for number in range(N_ITEMS))

EVENT = EventSchema(
    name="interaction",
    columns=(
        Column(name="item_id", dtype="str"),
        Column(name="colour", dtype="str", nullable=True),
        Column(name="tags", dtype="strs", nullable=True),
        Column(name="club", dtype="str", nullable=True),
    ),
    entity="user_id",
    key=("item_id",),
)


def task(**ranking: Any) -> Task:
    return Task(
        name="recommend",
        kind="rank",
        event="interaction",
        estimators=("ease", "stan", "popular"),
        targets=(),
        minimum_rows=50,
        schedule="",
        split=LastOfEach(n_rows=1),
        ranking=Ranking(item="item_id", **ranking),
    )


def no_rows(event: str, how: object) -> pl.DataFrame:
    raise UsageError(event)


def shop_rows() -> pl.DataFrame:
    """Item n is of colour n modulo 3, even ones are tagged; users of one club take from the first half, others from the second."""
    rng = np.random.default_rng(0)
    lines = []
    for user in range(N_USERS):
        half = user % 2
        own = rng.permutation(N_ITEMS // 2)[:6] + half * (N_ITEMS // 2)
        lines += [(f"u{user}", int(item), f"club {half}") for item in own.tolist()]
    order = rng.permutation(len(lines)).tolist()
    lines = [lines[place] for place in order]
    n = len(lines)
    return sort_checked(
        pl.DataFrame(
            {
                ENTITY: [user for user, _, _ in lines],
                TIME: pl.Series([START + timedelta(minutes=5 * at) for at in range(n)]).dt.cast_time_unit("us"),
                LINE: pl.Series(range(1, n + 1), dtype=pl.Int64),
                "item_id": [ITEMS[item] for _, item, _ in lines],
                "colour": [COLOURS[item % 3] for _, item, _ in lines],
                "tags": pl.Series(
                    [[] if item % 2 else ["even", "nice"] for _, item, _ in lines], dtype=pl.List(pl.String)
                ),
                "club": [club for _, _, club in lines],
            }
        )
    )


def version(directory: Path, estimator: str = "ease", **ranking: Any) -> RankRuntime:
    own, frame = task(**ranking), shop_rows()
    app = App(name="shop", title="", events=(EVENT,), tasks=(own,), simulate=no_rows, start=START)
    columns = ("item_id", "colour", "tags", "club")
    rows = TrainingRows(kind="file", train=frame, held_out=frame.clear(), columns=columns)
    choices = TrainingChoices(estimator=estimator)
    train_version(app, own, rows, choices, directory=directory, progress=lambda *_: None)
    return RankRuntime(load_bundle(directory))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> RankRuntime:
    return version(tmp_path_factory.mktemp("rank"), attributes=("colour", "tags"), segment="club")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RankRuntime:
    """Without attributes and segments, as bundles were before there were any."""
    return version(tmp_path_factory.mktemp("plain"))


def ask(runtime: RankRuntime, **query: Any) -> RankAnswer:
    return runtime.ask([RankQuery(**query)])[0]


def items_of(answer: RankAnswer) -> list[str]:
    return [ranked.item for ranked in answer.items]


def colour_of(item: str) -> str:
    return COLOURS[int(item[1:]) % 3]


some_items = st.lists(st.sampled_from((*ITEMS, "no such item")), max_size=6).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    entity=st.sampled_from((None, "u0", "u1", "u39", "stranger")),
    seen=some_items,
    had=some_items,
    without=some_items,
    top_k=st.integers(1, 30),
    include_seen=st.booleans(),
    colours=st.none() | st.lists(st.sampled_from((*COLOURS, "no such colour")), max_size=3),
    diversity=st.floats(0, 1),
    segment=st.sampled_from((None, "club 0", "no such club")),
)
def test_what_is_offered_is_new_wanted_and_each_once(runtime: RankRuntime, **asked: Any) -> None:
    colours = asked.pop("colours")
    filters: Mapping[str, tuple[str, ...]] = {} if colours is None else {"colour": tuple(colours)}

    items = items_of(ask(runtime, filters=filters, **asked))

    has = {*runtime.seen_by(asked["entity"]), *asked["seen"], *asked["had"]}
    allowed = set(ITEMS) - set(asked["without"]) - (set() if asked["include_seen"] else has)
    if colours is not None:
        allowed = {item for item in allowed if colour_of(item) in colours}
    assert set(items) <= allowed
    assert len(items) == len(set(items)) == min(asked["top_k"], len(allowed))


def test_the_source_says_what_the_order_rests_on(runtime: RankRuntime) -> None:
    assert ask(runtime, entity="u0", segment="club 1").source == "personal"
    assert ask(runtime, entity="new", had=(ITEMS[0],), seen=(ITEMS[1],)).source == "personal"
    assert ask(runtime, entity="new", seen=(ITEMS[1],), segment="club 1").source == "session"
    assert ask(runtime, entity="new", segment="club 1").source == "segment"
    assert ask(runtime, entity="new", segment="no such club").source == "popular"
    assert ask(runtime, entity="new", had=("no such item",)).source == "popular"


def test_a_group_is_offered_what_is_popular_in_it(runtime: RankRuntime) -> None:
    for half in (0, 1):
        items = items_of(ask(runtime, segment=f"club {half}", top_k=8))

        assert {int(item[1:]) // (N_ITEMS // 2) for item in items} == {half}


def test_one_who_came_after_training_is_answered_like_one_who_did_the_same_before(runtime: RankRuntime) -> None:
    known = ask(runtime, entity="u0", top_k=9)
    new = ask(runtime, entity="new", had=runtime.seen_by("u0"), top_k=9)

    assert new == known


def test_values_of_one_attribute_are_alternatives_and_attributes_are_all_wanted(runtime: RankRuntime) -> None:
    either = items_of(ask(runtime, top_k=30, filters={"colour": ("red", "blue")}))
    both = items_of(ask(runtime, top_k=30, filters={"colour": ("red",), "tags": ("even",)}))

    assert {colour_of(item) for item in either} == {"red", "blue"}
    assert sorted(both) == [item for item in ITEMS if int(item[1:]) % 6 == 0]
    assert items_of(ask(runtime, filters={"colour": ("mauve",)})) == []
    assert items_of(ask(runtime, filters={"colour": ()})) == []


def test_an_attribute_that_is_not_known_is_refused_with_the_known_ones(
    runtime: RankRuntime, plain: RankRuntime
) -> None:
    with pytest.raises(UsageError, match=r"filters: 'size' is not known.*Known: colour, tags"):
        ask(runtime, filters={"size": ("L",)})
    with pytest.raises(UsageError, match="Known: none yet"):
        ask(plain, filters={"colour": ("red",)})


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_a_diversity_out_of_range_is_refused(runtime: RankRuntime, diversity: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        ask(runtime, diversity=diversity)


def test_more_diversity_is_more_colours_and_the_best_stays_first(runtime: RankRuntime) -> None:
    plainly = items_of(ask(runtime, entity="u0", top_k=3, filters={"colour": ("red", "green")}))
    mixed = items_of(ask(runtime, entity="u0", top_k=3, diversity=1.0))

    assert mixed[0] == items_of(ask(runtime, entity="u0", top_k=1))[0]
    assert len({colour_of(item) for item in mixed}) == 3
    assert items_of(ask(runtime, entity="u0", top_k=3, diversity=1e-12)) == items_of(ask(runtime, entity="u0", top_k=3))
    assert len(plainly) == 3


def test_without_attributes_unlike_is_what_others_took(plain: RankRuntime) -> None:
    halves = {int(item[1:]) // (N_ITEMS // 2) for item in items_of(ask(plain, top_k=2, diversity=0.9))}

    assert halves == {0, 1}


def test_each_place_goes_to_what_is_good_and_unlike_what_stands_before() -> None:
    scores = np.array([1.0, 0.9, 0.8, 0.1, 0.0])
    groups = np.array([0, 0, 0, 1, 2])

    def likeness(items: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        own = groups[items]
        return np.asarray(own[:, None] == own, dtype=np.float64)

    def order(diversity: float, top_k: int = 5) -> list[int]:
        return [*map(int, diversify(np.arange(5), scores, likeness, top_k=top_k, diversity=diversity))]

    assert order(0.0) == [0, 1, 2, 3, 4]
    assert order(1.0) == [0, 3, 4, 1, 2]
    assert order(0.5, top_k=2) == [0, 3]
    assert order(0.2, top_k=2) == [0, 1]
    assert diversify(np.arange(0), scores, likeness, top_k=3, diversity=1.0).tolist() == []


def test_likeness_is_the_share_of_values_in_common() -> None:
    attributes = {"colour": [("red",), ("red",), ("blue",), ()], "tags": [("a", "b"), ("a",), (), ()]}
    items = ItemAttributes(attributes, n_items=4)

    found = items.likeness(np.array([0, 1, 2, 3]))

    assert found[0] == pytest.approx([1.0, 2 / 3, 0.0, 0.0])
    assert found[2] == pytest.approx([0.0, 0.0, 1.0, 0.0])
    assert found == pytest.approx(found.T)


def test_companions_tell_about_the_cosine_of_who_took_what() -> None:
    rng = np.random.default_rng(0)
    taken = rng.random((500, 12)) < np.repeat([0.1, 0.5], 6)
    taken[:, 1] = taken[:, 0]
    users, items = np.nonzero(taken)
    lengths = np.linalg.norm(taken, axis=0)

    found = companions(users, items, n_items=12)

    exact = (taken.T.astype(float) @ taken) / lengths[:, None] / lengths
    assert found[0] @ found[1] == pytest.approx(1.0, abs=1e-6)
    assert float(np.abs(found @ found.T - exact).mean()) < 0.125


def test_where_the_model_has_nothing_to_say_the_list_is_called_what_it_is(tmp_path: Path) -> None:
    runtime = version(tmp_path, "stan", segment="club")
    lonely = RankQuery(seen=(ITEMS[0],), segment="club 1")

    told = runtime.ask([lonely])[0]
    assert told.source == "session"

    empty = Parts(arrays={**runtime.bundle.parts.arrays, **_without_visits()}, names=runtime.bundle.parts.names)
    runtime = RankRuntime(replace(runtime.bundle, parts=empty))
    assert runtime.ask([lonely])[0].source == "segment"
    assert ask(runtime, entity="u0").source == "popular"


def _without_visits() -> dict[str, Any]:
    rows = Interactions(
        users=np.zeros(0, dtype=np.int64),
        items=np.zeros(0, dtype=np.int64),
        weights=np.zeros(0),
        times_s=np.zeros(0),
        n_users=0,
        n_items=N_ITEMS,
    )
    return STAN.fit(rows, parameters=STAN.defaults, seed=0).arrays
