"""The shop with models that are trained in a moment: what is looked at is what stands around them."""

from dataclasses import replace
from typing import Final

from telltale.apps.storefront import APP as SHOP
from telltale.contract.app import App

QUICK: Final = {"requests": "logistic_regression", "recommend": "popular", "trend": "seasonal_naive"}

APP: Final[App] = replace(
    SHOP,
    tasks=tuple(replace(task, estimators=(QUICK[task.name],)) if task.name in QUICK else task for task in SHOP.tasks),
)
