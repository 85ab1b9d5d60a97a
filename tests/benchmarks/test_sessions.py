from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.results import check
from benchmarks.sessions_baselines import Method, cut, methods, tuned
from benchmarks.sessions_cases import Cases, Visit, read_cases

from telltale.contract.errors import NotFoundError
from telltale.contract.estimator import Interactions

DAY = date(2016, 1, 1)


def ignore(_what: str) -> None:
    pass


def write_views(folder: Path, sessions: list[tuple[int, int, list[int]]]) -> None:
    """Sessions as number, day and items; views stand in the file last first."""
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "session_id": number,
            "user_id": None,
            "item_id": item,
            "timeframe": 1_000 * place,
            "eventdate": DAY + timedelta(days=day),
        }
        for number, day, items in sessions
        for place, item in enumerate(items)
    ]
    pl.DataFrame(rows[::-1]).write_parquet(folder / "views.parquet")


def test_sessions_of_the_last_days_are_scored_and_views_follow_by_time(tmp_path: Path) -> None:
    write_views(tmp_path, [(7, 2, [3, 1, 2]), (5, 0, [1, 2]), (6, 1, [2, 9]), (8, 2, [2, 2]), (9, 2, [1, 9])])

    cases = read_cases(tmp_path, None)

    assert [visit.name for visit in cases.learnt] == ["5", "6"]
    assert [visit.items for visit in cases.scored] == [("3", "1", "2"), ("2", "2"), ("1", "9")]
    assert cases.learnt[0].times == (datetime(2016, 1, 1, tzinfo=UTC), datetime(2016, 1, 1, 0, 0, 1, tzinfo=UTC))


def test_another_folder_is_scored_after_learning_from_all_of_this_one(tmp_path: Path) -> None:
    write_views(tmp_path / "a", [(1, 0, [1, 2]), (2, 5, [2, 3])])
    write_views(tmp_path / "b", [(3, 0, [2, 4, 3])])

    cases = read_cases(tmp_path / "a", tmp_path / "b")

    assert len(cases.learnt) == 2
    assert [(step.seen, step.wanted) for step in cases.steps(known_only=True)] == [(("2",), "3")]
    assert [(step.seen, step.wanted) for step in cases.steps(known_only=False)] == [(("2",), "4"), (("2", "4"), "3")]
    with pytest.raises(NotFoundError, match="diginetica_sample"):
        read_cases(tmp_path, None)


def test_what_is_tuned_is_what_foretells_the_newest_visits() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 20, 400)
    items = np.stack([first, first + 20, first + 40], axis=1)
    rows = Interactions(
        users=np.repeat(np.arange(400), 3),
        items=items.ravel(),
        weights=np.ones(1_200),
        times_s=np.repeat(86_400.0 * np.arange(400), 3),
        n_users=400,
        n_items=60,
    )
    made = methods(quick=True)

    for name in ("item_knn", "sknn", "vsknn", "stan"):
        score, _ = tuned(made[name], cut(rows), 60)
        assert {*np.argsort(-score([3]))[:3].tolist()} >= {23, 43}, name
    worst_first = Method(
        (1.0, -1.0), lambda _visits, _n: lambda sign: lambda visit: sign * -np.abs(np.arange(60.0) - visit[-1] - 20)
    )
    assert tuned(worst_first, cut(rows), 60)[1] == 1.0


def test_an_item_that_nobody_had_is_no_step_unless_all_are_asked_for() -> None:
    at = (datetime(2016, 1, 1, tzinfo=UTC),) * 3
    cases = Cases((Visit("a", ("1", "2"), at[:2]),), (Visit("b", ("1", "new", "2"), at),))

    assert [step.wanted for step in cases.steps(known_only=True)] == ["2"]
    assert [step.wanted for step in cases.steps(known_only=False)] == ["new", "2"]


@pytest.mark.slow
def test_a_quick_run_gives_every_row_and_metric() -> None:
    result = check(run("sessions", Asked(quick=True), progress=ignore))

    rows = {row.name: row for row in result.rows}
    assert set(rows) == {"telltale", "popular", "item_knn", "sknn", "vsknn", "stan"}
    assert {row.name for row in result.variants} == {"stan_and_returns", "visit_again"}
    for row in result.rows:
        low, middle, high = (row.metrics[name] or 0.0 for name in ("hr_20_low", "hr_20", "hr_20_high"))
        assert low <= middle <= high
    assert (rows["stan"].metrics["hr_20"] or 0) > (rows["popular"].metrics["hr_20"] or 0)
    assert {one.metric for one in result.comparisons} == {"hr_20", "mrr_20"}
