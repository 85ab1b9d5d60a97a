"""Prophet: a trend that bends, and seasons as sums of sines, fitted as one regression. An optional extra: it is large and slow."""

import logging
import warnings
from collections.abc import Mapping
from typing import Final, final

import numpy as np

from telltale.contract.estimator import Choice, Continued, Floats, Parameter, Parameters, Seasons, Traits
from telltale.contract.kinds import Kind
from telltale.models.library_forecast import LEAST_VALUES
from telltale.models.seasonal_naive import ESTIMATOR as NAIVE

# Sines and cosines per season, at most; a season of few steps has no more than half as many.
_MOST_WAVES = 10


@final
class Prophet:
    """Prophet on numbered steps, each season with up to ten waves; bounds from draws by the seed.

    Not for: short series, many series, and series without a season, where it is worse than Theta at hundreds of times
    the cost. Holidays are not given to it.

    References:
        Taylor & Letham, "Forecasting at scale", The American Statistician 72 (2018).
    """

    name = "prophet"
    kind: Kind = "forecast"
    traits = Traits(needs=("prophet",), is_costly=True)
    defaults: Mapping[str, Parameter] = {"draws": 1_000}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}
    check_parameters: Mapping[str, Parameter] = {"draws": 50}

    def forecast(
        self, values: Floats, *, seasons: Seasons, horizon: int, level: float, parameters: Parameters, seed: int
    ) -> Continued:
        """Continue one series."""
        if len(values) < LEAST_VALUES or np.ptp(values) == 0:
            return NAIVE.forecast(values, seasons=seasons, horizon=horizon, level=level, parameters={}, seed=seed)
        for noisy in ("cmdstanpy", "prophet.plot"):  # a line per series, and one that a picture cannot be drawn
            logging.getLogger(noisy).disabled = True
        import pandas as pd
        from prophet import Prophet as Regression

        size = float(np.abs(values).mean())
        # It knows days alone: a step is a day, and a season so many of them.
        days = pd.date_range("2000-01-01", periods=len(values) + horizon, freq="D")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Regression(
                interval_width=level,
                uncertainty_samples=int(parameters["draws"]),
                daily_seasonality=False,
                weekly_seasonality=False,
                yearly_seasonality=False,
            )
            for season in seasons:
                model.add_seasonality(f"of {season}", period=season, fourier_order=min(_MOST_WAVES, season // 2))
            model.fit(pd.DataFrame({"ds": days[: len(values)], "y": values / size}), seed=seed)
            # Its intervals are drawn from the global generator, which is put back as it was.
            before = np.random.get_state()  # noqa: NPY002
            try:
                np.random.seed(seed)  # noqa: NPY002
                said = model.predict(pd.DataFrame({"ds": days[len(values) :]}))
            finally:
                np.random.set_state(before)  # noqa: NPY002
        found, low, high = (said[part].to_numpy() * size for part in ("yhat", "yhat_lower", "yhat_upper"))
        return Continued(values=found, low=np.minimum(low, found), high=np.maximum(high, found), method=self.name)


ESTIMATOR: Final = Prophet()
