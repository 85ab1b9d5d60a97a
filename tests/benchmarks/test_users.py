"""The benchmark of segments: published figures of BG/NBD, cases without a look ahead, and a run."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import Asked, run
from benchmarks.results import check
from benchmarks.users_baselines import bg_nbd, rfm_quintiles
from benchmarks.users_bgnbd import BgNbd, GammaGamma, Histories, fit_bg_nbd, fit_gamma_gamma
from benchmarks.users_cases import Case, read_cases

from telltale.contract.errors import NotFoundError, UsageError
from telltale.telemetry.frames import ENTITY, TIME

DATA = Path(os.environ.get("TELLTALE_DATA", ""))
HAS_DATA = "TELLTALE_DATA" in os.environ and (DATA / "online_retail").is_dir()
START = datetime(2011, 1, 1)  # noqa: DTZ001 - the set's times have no zone


def one(repeats: float, last: float, age: float, mean_spend: float = 0.0) -> Histories:
    return Histories(
        repeats=np.array([repeats]), last=np.array([last]), age=np.array([age]), mean_spend=np.array([mean_spend])
    )


def test_bg_nbd_gives_the_published_expectation() -> None:
    """Of the paper's example: 2 repeats, the last at 30.43 of 38.86 weeks; 39 weeks to come give 1.226 (CDNOW)."""
    cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)

    assert cdnow.expected_orders(one(2, 30.43, 38.86), 39.0)[0] == pytest.approx(1.226, abs=0.001)


def test_gamma_gamma_gives_the_published_mean() -> None:
    """Of the note's parameters (CDNOW): a customer without a repeat is expected to spend the population's mean."""
    cdnow = GammaGamma(p=6.25, q=3.74, v=15.44)

    assert cdnow.expected_spend(one(0, 0, 10))[0] == pytest.approx(6.25 * 15.44 / 2.74)
    assert cdnow.expected_spend(one(50, 9, 10, 100.0))[0] == pytest.approx(100.0, rel=0.03)


def simulated_histories(n: int = 3_000, seed: int = 0) -> Histories:
    """By the model itself: r 1, alpha 5, a 0.8, b 2.5; p 4, q 4, v 30; a year."""
    rng = np.random.default_rng(seed)
    rate, gone, weeks = rng.gamma(1.0, 1 / 5.0, n), rng.beta(0.8, 2.5, n), 52.0
    nu = rng.gamma(4.0, 1 / 30.0, n)
    rows = []
    for own, chance, scale in zip(rate, gone, nu, strict=True):
        at, repeats, last = 0.0, 0, 0.0
        while True:
            at += rng.exponential(1 / own)
            if at > weeks:
                break
            repeats, last = repeats + 1, at
            if rng.random() < chance:
                break
        rows.append((repeats, last, rng.gamma(4.0 * repeats, 1 / (scale * repeats)) if repeats else 0.0))
    repeats_, last_, mean = np.array(rows).T
    return Histories(repeats=repeats_, last=last_, age=np.full(n, weeks), mean_spend=mean)


def test_likelihood_finds_the_parameters_that_made_the_histories() -> None:
    of = simulated_histories()
    orders, money = fit_bg_nbd(of), fit_gamma_gamma(of)

    assert orders.r == pytest.approx(1.0, rel=0.2)
    assert orders.alpha == pytest.approx(5.0, rel=0.3)
    assert orders.a / (orders.a + orders.b) == pytest.approx(0.8 / 3.3, rel=0.2)
    assert money.p * money.v / (money.q - 1) == pytest.approx(4 * 30 / 3, rel=0.1)


def shop(n: int = 260, seed: int = 0, start: datetime = START, days: int = 330) -> pl.DataFrame:
    """A file like Online Retail: some come often and spend much, some once; a few lines are cancelled or nobody's."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, datetime, float, int | None]] = []
    for customer in range(n):
        rate, money = rng.gamma(1.0, 1 / 40), rng.lognormal(3.0, 0.8)
        for day in np.flatnonzero(rng.random(days) < rate):
            time = start + timedelta(days=int(day), minutes=int(rng.integers(0, 600)))
            for item in rng.choice(50, 2, replace=False):
                rows.append((f"5{len(rows):05}", f"S{item}", 1 + int(rng.integers(0, 4)), time, money, customer + 1))
    rows.append(("C599997", "S1", -5, start + timedelta(days=300), 1e6, 1))
    rows.append(("C599999", "S1", -5, start + timedelta(days=200), 1e6, 1))
    rows.append(("599998", "S1", 5, start + timedelta(days=200), 1e6, None))
    names = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("CustomerID").cast(pl.Int32))


def written(frame: pl.DataFrame, folder: Path) -> Path:
    folder.mkdir()
    frame.write_parquet(folder / "lines.parquet")
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return read_cases(written(shop(), tmp_path_factory.mktemp("users") / "data"), None, quick=False)[0]


def test_nothing_after_the_past_is_learned_from(case: Case) -> None:
    cut = case.asked.rows[TIME][0]
    told = case.learned.filter(pl.col("next_spend").is_not_null())

    assert case.learned[TIME].max() <= cut
    assert (told[TIME] + timedelta(days=90)).max() <= cut + timedelta(days=1)
    assert case.weeks == pytest.approx(330 / 4 / 7, rel=0.05)


def test_cancelled_lines_and_those_of_nobody_are_dropped(case: Case) -> None:
    assert case.asked.rows["spend"].to_numpy().max() < 1e6
    assert case.later.min() >= 0
    assert "" not in case.asked.rows[ENTITY].to_list()


def test_what_comes_later_is_what_was_spent_after_the_past(case: Case) -> None:
    frame = shop().filter(pl.col("CustomerID").is_not_null() & (pl.col("Quantity") > 0))
    cut = case.asked.rows[TIME][0].replace(tzinfo=None)
    name = case.asked.rows[ENTITY][0]
    own = frame.filter((pl.col("CustomerID") == int(name)) & (pl.col("InvoiceDate") >= cut))

    assert case.later[0] == pytest.approx((own["Quantity"] * own["UnitPrice"]).sum())
    assert (case.later > 0).mean() > 0.2


def test_lines_that_go_on_where_the_others_end_are_what_came_later(tmp_path: Path) -> None:
    whole = shop()
    cut = START + timedelta(days=250)
    before = written(whole.filter(pl.col("InvoiceDate") < cut), tmp_path / "data")
    after = written(whole.filter(pl.col("InvoiceDate") >= cut), tmp_path / "test")

    found = read_cases(before, after, quick=False)[0]

    assert found.asked.rows[ENTITY].to_list() == found.past.rows[ENTITY].to_list()
    assert found.weeks == pytest.approx(80 / 7, rel=0.1)
    assert found.later.sum() > 0


def test_other_customers_are_scored_on_their_own_later_spend(tmp_path: Path) -> None:
    other = shop(seed=5).with_columns(pl.col("CustomerID") + 10_000)
    found = read_cases(written(shop(), tmp_path / "data"), written(other, tmp_path / "test"), quick=False)[0]

    assert not {*found.asked.rows[ENTITY]} & {*found.learned[ENTITY]}
    assert len(found.later) == found.asked.rows.height


def test_quintiles_make_at_most_thirteen_segments_and_money_decides_among_equals(case: Case) -> None:
    division = rfm_quintiles(case, np.arange(len(case.past.plain)), 0)(case.asked)

    assert 0 <= division.which.min() <= division.which.max() <= 12
    best = division.which == division.which.max()
    money = case.asked.plain[best, 2]
    assert (np.argsort(division.worth[best]) == np.argsort(money, kind="stable")).all()


def test_bg_nbd_makes_ten_segments_of_equal_size(case: Case) -> None:
    which = bg_nbd(case, np.arange(len(case.past.plain)), 0)(case.asked).which

    assert np.bincount(which, minlength=10).min() > 0.05 * len(which)


@pytest.mark.slow
def test_a_run_compares_every_method_and_gives_every_figure(tmp_path: Path) -> None:
    data = written(shop(400), tmp_path / "data")
    document = run("users", Asked(data=data, quick=True), progress=lambda _what: None)

    result = check(document)
    assert {row.name for row in result.rows} == {"telltale", "rfm_quintiles", "kmeans_rfm", "gmm_bic", "bg_nbd"}
    ours = next(row for row in result.rows if row.ours)
    for metric in ("lift_top20", "eta2", "bootstrap_ari", "silhouette", "clv_mae", "clv_spearman"):
        assert ours.metrics[metric] is not None, metric
    assert (ours.metrics["segments"] or 99) <= 6
    assert [one.metric for one in result.comparisons] == ["lift_top20", "eta2"]


def test_without_data_or_without_a_known_file_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        run("users", Asked(), progress=lambda _what: None)
    with pytest.raises(NotFoundError, match="InvoiceNo"):
        read_cases(tmp_path, None, quick=False)


@pytest.mark.skipif(not HAS_DATA, reason="needs the online_retail set below TELLTALE_DATA")
def test_the_real_set_is_read_as_it_is_described() -> None:
    found = read_cases(DATA / "online_retail", None, quick=True)[0]

    assert found.asked.rows.height == found.asked.plain.shape[0] == len(found.later)
    assert found.asked.rows[TIME][0] > datetime(2011, 6, 1, tzinfo=UTC)
