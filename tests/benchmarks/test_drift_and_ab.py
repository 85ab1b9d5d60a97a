import numpy as np
import pytest
from benchmarks.ab import CASES
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.drift import autoregressive, cells_of
from benchmarks.results import check


def test_there_is_a_cell_for_every_size_and_memory_that_is_promised() -> None:
    cells = cells_of(quick=False)

    made = {(cell.n, cell.ar) for cell in cells if cell.ar is not None}
    assert made == {(n, ar) for n in (50, 200, 1_000, 5_000) for ar in (0.0, 0.5, 0.9)}
    assert [cell.name for cell in cells if cell.ar is None] == ["helios hours, metrics", "helios hours, features"]
    assert all(cell.windows >= 2_000 for cell in cells)


@pytest.mark.parametrize("coefficient", [0.0, 0.9])
def test_streams_have_the_variance_and_the_memory_that_they_are_named_for(coefficient: float) -> None:
    values = autoregressive(np.random.default_rng(0), 20_000, coefficient)

    assert values.shape == (20_000, 12)
    assert values.std() == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(values[1:, 0], values[:-1, 0])[0, 1] == pytest.approx(coefficient, abs=0.03)
    assert abs(np.corrcoef(values[:, 0], values[:, 1])[0, 1]) < 0.1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_an_effect_neither_is_better_and_with_one_a_is(case: object) -> None:
    assert case in CASES
    found = next(one for one in CASES if one is case)

    def lead(*, has_effect: bool) -> float:
        drawn = found.draw(np.random.default_rng(1), 400_000, has_effect)
        if found.is_paired:
            labels, a, b = drawn
            cost = np.where(labels, 20.0, 1.0) if "costs" in found.name else np.ones(len(labels))
            return float((cost * ((a == labels) * 1.0 - (b == labels))).mean())
        outcomes, to_a = drawn
        return float(outcomes[to_a].mean() - outcomes[~to_a].mean()) / float(outcomes.mean())

    assert abs(lead(has_effect=False)) < 0.03
    assert lead(has_effect=True) > (0.01 if found.is_paired else 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "baselines"), [("drift", {"fixed_psi_01", "fixed_psi_03", "ks"}), ("ab", {"fixed_horizon_peeked"})]
)
def test_a_quick_run_keeps_the_contract_and_ours_cries_less(name: str, baselines: set[str]) -> None:
    found = check(run(name, Asked(quick=True), progress=lambda _line: None))

    rows = {row.name: row.metrics for row in found.rows}
    assert set(rows) == {"telltale", *baselines}
    alarms, power = BENCHMARKS[name].shown
    assert all({alarms, power} <= set(row.metrics) for row in found.rows)
    # Nominally 5 %; forty windows say no more than this.
    assert (rows["telltale"][alarms] or 0) <= 0.2
    assert all((rows[baseline][alarms] or 0) > 0.2 for baseline in baselines)
