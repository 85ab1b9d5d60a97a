"""The document of every path: of all apps together, whose tasks may be of one kind."""

from telltale.home.apps import installed_apps
from telltale.serve.routes.openapi import with_our_routes


def test_tasks_of_one_kind_share_the_answer_that_they_send() -> None:
    document = with_our_routes({}, installed_apps().values())

    told = [
        document["paths"][f"/v1/pakit/{task}/predict"]["post"]["responses"]["200"]["content"]["application/json"]
        for task in ("peers", "gossip")
    ]
    assert told[0] == told[1] == {"schema": {"$ref": "#/components/schemas/ActPrediction"}}
    assert {"PeerActQuery", "GossipActQuery", "BlockSimilarQuery", "AccessNextQuery"} <= document["components"][
        "schemas"
    ].keys()
