"""Windows of made-up series, for tests."""

import numpy as np

from telltale.contract.estimator import Features

Rows = np.ndarray


def swinging(n: int = 3_000, *, seed: int, n_columns: int = 1) -> Rows:
    """Columns of a swing of 25 rows with noise, shape (n, columns)."""
    rng = np.random.default_rng(seed)
    at = np.arange(n)[:, None] + rng.uniform(0, 25, n_columns)
    return 10.0 + np.sin(2 * np.pi * at / 25.0) + 0.1 * rng.normal(size=(n, n_columns))


def windows_of(rows: Rows, *, sequence: int = 32) -> Features:
    """The last rows of each row side by side, oldest first, the first one standing in before it."""
    at = np.maximum(np.arange(len(rows))[:, None] + np.arange(1 - sequence, 1), 0)
    return np.ascontiguousarray(rows[at].reshape(len(rows), -1), dtype=np.float32)
