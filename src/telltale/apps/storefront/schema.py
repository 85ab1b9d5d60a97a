"""The events of storefront: requests to the shop, what customers do in it, and what is sold."""

from typing import Final

from telltale.apps.storefront.customers import CUSTOMER
from telltale.contract.schema import Column, EventSchema

_HOUR_S = 3_600.0

REQUEST: Final = EventSchema(
    name="request",
    columns=(
        Column(name="response_time", unit="s", low=0.0),
        Column(name="request_size", unit="bytes", low=0.0),
        Column(name="error_count", unit="failed requests of the client in the last minute", low=0.0),
        Column(name="method", dtype="str", nullable=True),
        Column(name="path", dtype="str", nullable=True),
        Column(name="status", dtype="int", nullable=True),
        Column(name="query", dtype="str", nullable=True),
        Column(name="body", dtype="str", nullable=True),
    ),
    entity="client",
    label="is_attack",
    lateness_s=_HOUR_S,
)

ACTIVITY: Final = EventSchema(
    name="activity",
    columns=(
        Column(name="login_count", unit="in the last 28 days", low=0.0),
        Column(name="purchase_count", unit="in the last 28 days", low=0.0),
        Column(name="cart_count", unit="in the last 28 days", low=0.0),
        Column(name="favorite_count", unit="in the last 28 days", low=0.0),
    ),
    entity="user_id",
    lateness_s=_HOUR_S,
)

ORDER: Final = EventSchema(
    name="order",
    columns=(
        Column(name="item_id", dtype="str"),
        Column(name="quantity", unit="pieces; below 0 for a return"),
        Column(name="unit_price", unit="the shop's currency", low=0.0),
    ),
    entity="user_id",
    lateness_s=_HOUR_S,
    key=("item_id",),
)

INTERACTION: Final = EventSchema(
    name="interaction",
    columns=(
        Column(name="item_id", dtype="str"),
        Column(name="kind", dtype="str", nullable=True),
        Column(name="category", dtype="str", nullable=True),
        Column(name="brand", dtype="str", nullable=True),
        Column(name="tags", dtype="strs", nullable=True),
        Column(name="price", unit="the shop's currency", low=0.0, nullable=True),
        Column(name="segment", dtype="str", nullable=True),
    ),
    entity="user_id",
    lateness_s=_HOUR_S,
    key=("item_id",),
)

SERIES: Final = EventSchema(
    name="series",
    columns=(Column(name="value", unit="of the series' own"),),
    entity="series",
    lateness_s=_HOUR_S,
)

EVENTS: Final = (REQUEST, ACTIVITY, ORDER, INTERACTION, SERIES, CUSTOMER)
