"""What the documents promise of the shop's four tasks: thresholds, schedules, and bodies that are enough."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.simulate_shop import HABITS
from telltale.contract.query import ForecastQuery, RankQuery
from telltale.contract.simulation import Simulation
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.models.rank_runtime import RankRuntime
from telltale.models.runtimes import LoadedRuntime, load_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.models.segment_runtime import SegmentRuntime
from telltale.retrain.cron import next_slot
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import rows_simulated
from telltale.train.version import train_version

SUNDAY_NIGHT = datetime(2024, 6, 30, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LoadedRuntime]:
    """A version of a task, trained when it is first asked for."""

    @cache
    def of(name: str) -> LoadedRuntime:
        task = APP.task(name)
        directory = tmp_path_factory.mktemp(task.name)
        train_version(
            APP,
            task,
            rows_simulated(APP, task, Simulation()),
            TrainingChoices(estimator="theta" if task.kind == "forecast" else task.estimators[0]),
            directory=directory,
            progress=lambda *_: None,
        )
        return load_runtime(directory)

    return of


@pytest.mark.parametrize(
    ("task", "least", "metric", "share"),
    [
        ("requests", 500, "accuracy", 0.85),
        ("activity", 200, "bootstrap_ari", 0.80),
        ("recommend", 100, "hit_rate_10", 0.75),
        ("trend", 50, "accuracy", 0.70),
    ],
)
def test_rows_and_figures_asked_for_are_those_promised(task: str, least: int, metric: str, share: float) -> None:
    found = APP.task(task)
    target = next(target for target in found.targets if target.metric == metric)

    assert found.minimum_rows == least
    assert share in {target.limit, target.goal}
    assert target.op == ">="


@pytest.mark.parametrize(
    ("name", "due"),
    [
        ("requests", "Monday 01 00:00"),
        ("activity", "Monday 01 02:00"),
        ("recommend", "Sunday 07 03:00"),
        ("trend", "Monday 01 04:00"),
        ("all", "Monday 01 05:00"),
    ],
)
def test_retraining_is_due_when_promised(name: str, due: str) -> None:
    crons = {task.name: task.schedule for task in APP.tasks} | {one.name: one.cron for one in APP.schedules}

    assert next_slot(crons[name], SUNDAY_NIGHT).strftime("%A %d %H:%M") == due


def test_everything_is_retrained_together_on_mondays() -> None:
    assert APP.schedules[0].tasks == tuple(task.name for task in APP.tasks)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["requests", "activity", "recommend", "trend"])
def test_a_simulated_shop_passes_its_gate(trained: Callable[[str], LoadedRuntime], task: str) -> None:
    verdict = trained(task).manifest.verdict

    assert verdict.outcome == "pass", verdict.targets


def test_a_request_is_judged_by_three_numbers_alone(trained: Callable[[str], LoadedRuntime]) -> None:
    runtime = trained("requests")
    assert isinstance(runtime, ScoreRuntime)

    assert runtime.columns == ("response_time", "request_size", "error_count", "path", "query", "body")
    assert runtime.plan.nullable == {"path", "query", "body"}
    nothing = (None, None, None)
    assert not runtime.answer_row((0.1, 1_024.0, 0.0, *nothing), 0.0).decision
    attack = runtime.answer_row((0.2, 350.0, 25.0, *nothing), 0.0)
    assert attack.decision
    assert attack.reasons[0].metric == "error_count"


def test_an_injection_is_found_by_its_text_alone_and_the_reason_names_it(
    trained: Callable[[str], LoadedRuntime],
) -> None:
    runtime = trained("requests")
    assert isinstance(runtime, ScoreRuntime)

    usual = runtime.answer_row((0.1, 450.0, 0.0, "/search", "q=red+mug&page=1", None), 0.0)
    attack = runtime.answer_row((0.1, 450.0, 0.0, "/search", "q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&page=1", None), 0.0)

    assert not usual.decision
    assert attack.decision
    assert "query_surprise" in {reason.metric for reason in attack.reasons}


def test_a_customer_is_placed_by_four_counts_alone(trained: Callable[[str], LoadedRuntime]) -> None:
    runtime = trained("activity")
    assert isinstance(runtime, SegmentRuntime)

    assert runtime.columns == ("login_count", "purchase_count", "cart_count", "favorite_count")
    assert len(runtime.names) == len(HABITS)
    assert "few" in runtime.answer_row((0.0, 0.0, 0.0, 0.0), 0.0).name
    assert "many purchases" in runtime.answer_row((20.0, 9.0, 12.0, 6.0), 0.0).name


def test_a_customer_by_number_is_offered_as_many_items_as_asked_for(trained: Callable[[str], LoadedRuntime]) -> None:
    runtime = trained("recommend")
    assert isinstance(runtime, RankRuntime)

    answer = runtime.ask([RankQuery(entity="123", top_k=5)])[0]

    assert len(answer.items) == 5
    assert answer.source == "personal"
    assert runtime.manifest.metrics["hit_rate_10_gain"] > 0.1  # type: ignore[operator]  # it was judged


def test_a_month_of_sales_is_forecast(trained: Callable[[str], LoadedRuntime]) -> None:
    runtime = trained("trend")
    assert isinstance(runtime, ForecastRuntime)

    answer = runtime.ask([ForecastQuery(entity="product-03")])[0]

    assert len(answer.steps) == 31
    assert all(0 <= step.low <= step.value <= step.high for step in answer.steps)
