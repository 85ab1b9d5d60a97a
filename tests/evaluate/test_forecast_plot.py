from pathlib import Path

import numpy as np

from telltale.evaluate.forecast_plot import FORECAST_PLOT, MOST_SHOWN, ShownForecast, write_forecast_plot

DAY_S = 86_400.0


def shown(name: str, *, n_came: int = 5) -> ShownForecast:
    times_s = np.asarray(1.7e9 + DAY_S * np.arange(1, 8), dtype=np.float64)
    return ShownForecast(
        name=name,
        times_s=times_s,
        values=np.full(7, 5.0),
        low=np.full(7, 4.0),
        high=np.full(7, 6.0),
        came_times_s=times_s[:n_came],
        came=np.linspace(4, 7, n_came),
    )


def test_a_panel_per_series_up_to_a_few(tmp_path: Path) -> None:
    one = write_forecast_plot(tmp_path / "one", [shown("tea", n_came=0)], level=0.95)[FORECAST_PLOT]
    many = write_forecast_plot(tmp_path / "many", [shown(str(number)) for number in range(MOST_SHOWN + 3)], level=0.95)
    few = write_forecast_plot(tmp_path / "few", [shown(str(number)) for number in range(MOST_SHOWN)], level=0.95)

    def height(path: Path) -> int:
        return int.from_bytes(path.read_bytes()[20:24])

    assert one.read_bytes().startswith(b"\x89PNG")
    assert height(many[FORECAST_PLOT]) == height(few[FORECAST_PLOT]) > 3 * height(one)


def test_nothing_to_show_makes_no_picture(tmp_path: Path) -> None:
    assert write_forecast_plot(tmp_path / "none", [], level=0.95) == {}
    assert not (tmp_path / "none").exists()
