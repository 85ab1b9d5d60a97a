from pathlib import Path

import numpy as np
import pytest

from telltale.evaluate.timeline_plot import TIMELINE_PLOT, Timeline, write_timeline


@pytest.mark.parametrize(("n_rows", "n_columns"), [(1, 1), (50, 2), (5_000, 7)])
def test_rows_of_any_number_and_width_are_one_picture(tmp_path: Path, n_rows: int, n_columns: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.full(n_rows, -1, dtype=np.int8)
    labels[n_rows // 2 :] = 1
    shown = Timeline(
        name="web",
        times_s=np.linspace(1.7e9, 1.7e9 + 300.0 * (n_rows - 1), n_rows),
        columns={f"m{place}": rng.normal(size=n_rows) for place in range(n_columns)},
        scores=rng.exponential(size=n_rows),
        labels=labels,
    )

    drawn = write_timeline(tmp_path / "new", shown, threshold=3.0)

    assert drawn == {TIMELINE_PLOT: tmp_path / "new" / TIMELINE_PLOT}
    assert drawn[TIMELINE_PLOT].read_bytes().startswith(b"\x89PNG")


def test_the_highest_and_the_lowest_of_many_rows_are_drawn() -> None:
    from telltale.evaluate.timeline_plot import _drawn

    values = np.zeros(100_000)
    values[[31_415, 92_653]] = 7.0, -7.0

    places = _drawn(values)

    assert {31_415, 92_653} <= set(places.tolist())
    assert len(places) < 2_000
