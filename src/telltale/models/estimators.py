"""Which estimators there are."""

import importlib
import pkgutil
from functools import cache

import telltale.models
from telltale.contract.errors import UsageError
from telltale.contract.estimator import Estimator


@cache
def estimators() -> dict[str, Estimator]:
    """Every estimator of this folder by name: whatever a module calls `ESTIMATOR`."""
    found: dict[str, Estimator] = {}
    for module in pkgutil.iter_modules(telltale.models.__path__):
        loaded = importlib.import_module(f"{telltale.models.__name__}.{module.name}")
        estimator: Estimator | None = getattr(loaded, "ESTIMATOR", None)
        if estimator is not None:
            found[estimator.name] = estimator
    return found


def estimator_named(name: str) -> Estimator:
    """The estimator of that name. Raises UsageError."""
    if name not in estimators():
        raise UsageError.not_one_of(name, estimators(), where="estimator")
    return estimators()[name]
