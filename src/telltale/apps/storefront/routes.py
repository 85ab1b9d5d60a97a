"""The paths that clients of the shop depend on."""

from typing import Final

from telltale.apps.storefront.routes_answers import ANSWER_ROUTES
from telltale.apps.storefront.routes_hand import HAND_ROUTES
from telltale.apps.storefront.routes_training import TRAINING_ROUTES
from telltale.apps.storefront.routes_versions import VERSION_ROUTES
from telltale.contract.route import Route

ROUTES: Final[tuple[Route, ...]] = (*ANSWER_ROUTES, *TRAINING_ROUTES, *HAND_ROUTES, *VERSION_ROUTES)
