"""Machines made up for a check that the benchmark runs."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.multivariate_cases import Machine, machine_of

N_COLUMNS: Final = 10
_N_LOADS: Final = 3


def made_machine(n_rows: int, *, seed: int) -> Machine:
    """Ten metrics that three loads with a daily swing drive; in the second half some leave the others for a while."""
    rng = np.random.default_rng(seed)
    rows = _usual(2 * n_rows, rng)
    labels = np.zeros(n_rows, dtype=np.int8)
    for start in rng.choice(n_rows // 40 - 1, size=max(n_rows // 200, 3), replace=False) * 40:
        event = slice(n_rows + int(start), n_rows + int(start) + int(rng.integers(4, 25)))
        which = rng.choice(N_COLUMNS, size=2, replace=False)
        rows[event, which] += rng.choice((-1, 1), size=2) * rng.uniform(1.0, 2.5)
        labels[event.start - n_rows : event.stop - n_rows] = 1
    frame = pl.DataFrame(rows, schema=[f"m{place:02d}" for place in range(1, N_COLUMNS + 1)])
    return machine_of(f"made {seed}", frame[:n_rows], frame[n_rows:], labels)


def _usual(n_rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    day = np.sin(np.arange(n_rows)[:, None] * 2 * np.pi / 144 + rng.uniform(0, 6, _N_LOADS))
    noise = rng.normal(size=(n_rows, _N_LOADS))
    for row in range(1, n_rows):
        noise[row] = 0.9 * noise[row - 1] + 0.4 * noise[row]
    loads = day + 0.5 * noise
    return np.asarray(loads @ rng.normal(size=(_N_LOADS, N_COLUMNS)) + 0.2 * rng.normal(size=(n_rows, N_COLUMNS)))
