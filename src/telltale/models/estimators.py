"""Which estimators there are."""

import importlib
import pkgutil
from functools import cache
from importlib.util import find_spec
from typing import Any

import telltale.models
from telltale.contract.errors import BundleError, UsageError
from telltale.contract.estimator import AnyEstimator
from telltale.models.manifest import Manifest


@cache
def estimators() -> dict[str, AnyEstimator]:
    """Every estimator of this folder by name: whatever a module calls `ESTIMATOR`."""
    found: dict[str, AnyEstimator] = {}
    for module in pkgutil.iter_modules(telltale.models.__path__):
        loaded = importlib.import_module(f"{telltale.models.__name__}.{module.name}")
        estimator: AnyEstimator | None = getattr(loaded, "ESTIMATOR", None)
        if estimator is not None:
            found[estimator.name] = estimator
    return found


def estimator_named(name: str) -> Any:
    """The estimator of that name; its `kind` says which protocol of `telltale.contract.estimator` it keeps.

    Raises:
        UsageError: there is none.
    """
    if name not in estimators():
        raise UsageError.not_one_of(name, estimators(), where="estimator")
    return estimators()[name]


def bundled_estimator(manifest: Manifest) -> Any:
    """The estimator that a bundle was fitted with. Raises BundleError where this telltale does not have it."""
    if manifest.estimator not in estimators():
        raise BundleError(
            f"manifest.json names the model {manifest.estimator!r}; this telltale knows {sorted(estimators())}",
            where=f"{manifest.app}/{manifest.task}",
            mend="Upgrade telltale, or train the version again.",
        )
    return estimators()[manifest.estimator]


def missing_modules(estimator: AnyEstimator) -> tuple[str, ...]:
    """What training with it needs and is not installed."""
    return tuple(name for name in estimator.traits.needs if find_spec(name) is None)
