"""What a customer does counts in the next answer: bought a minute ago, or come since the training."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.apps.storefront.conftest import promote, train

from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a champion of `recommend` that tells customers apart; each test has customers of its own."""
    home = tmp_path_factory.mktemp("recommend") / "home"
    promote(home, "recommend", train(home, "recommend", "ease", 1_500))
    with start_background(ServeSettings(home=str(home), apps=("telltale.apps.storefront:APP",))) as server:
        yield server.url


def post(url: str, path: str, body: object) -> Any:
    request = urllib.request.Request(  # noqa: S310 - ours
        url + path, data=json.dumps(body).encode(), headers={"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
        return json.loads(answer.read())


def interaction(user: str, item: str, minute: int, kind: str = "view") -> dict[str, object]:
    return {"timestamp": f"2024-06-01T10:{minute:02d}:00Z", "user_id": user, "item_id": item, "kind": kind}


def recommended(url: str, **body: object) -> tuple[str, list[str]]:
    told = post(url, "/recommend", body)
    return told["source"], [one["item_id"] for one in told["recommendations"]]


def test_what_was_bought_a_moment_ago_is_not_offered_again(url: str) -> None:
    _, before = recommended(url, user_id=12, top_k=5)
    post(url, "/v1/storefront/events/interaction", interaction("12", before[0], 0, kind="purchase"))

    source, after = recommended(url, user_id=12, top_k=5)

    assert source == "personal"
    assert before[0] not in after
    _, again = recommended(url, user_id=12, top_k=200, include_seen=True)
    assert before[0] in again
    # By the task's own path too.
    told = post(url, "/v1/storefront/recommend/predict", {"user_id": 12, "top_k": 200})
    assert before[0] not in {one["item"] for one in told["items"]}


def test_what_was_ordered_is_not_offered_and_says_what_a_new_customer_likes(url: str) -> None:
    _, popular = recommended(url, user_id="orders-only", top_k=3)
    lines = [
        {
            "timestamp": "2024-06-01T10:00:00Z",
            "user_id": "orders-only",
            "item_id": item,
            "quantity": 1,
            "unit_price": 9.5,
        }
        for item in popular
    ]
    post(url, "/v1/storefront/events/order", lines)

    source, items = recommended(url, user_id="orders-only", top_k=10)

    assert source == "personal"
    assert not set(items) & set(popular)


def test_a_customer_who_came_after_training_is_answered_from_three_views(url: str) -> None:
    assert recommended(url, user_id="brand-new")[0] == "popular"
    _, popular = recommended(url, user_id="brand-new", top_k=3)
    post(
        url,
        "/v1/storefront/events/interaction",
        [interaction("brand-new", item, minute) for minute, item in enumerate(popular)],
    )

    source, items = recommended(url, user_id="brand-new", top_k=10)

    assert source == "personal"
    assert not set(items) & set(popular)


def test_what_is_wanted_can_be_said(url: str) -> None:
    _, all_items = recommended(url, user_id=13, top_k=10)
    _, mugs = recommended(url, user_id=13, top_k=10, filters={"category": "mugs"})
    _, either = recommended(url, user_id=13, top_k=10, filters={"category": ["mugs", "lamps"]}, without=mugs[:1])
    source, of_group = recommended(url, segment="likes mugs", top_k=3)
    _, mixed = recommended(url, user_id=13, top_k=10, diversity=1)

    assert mugs
    assert mugs[0] not in either
    assert either != mugs
    assert (source, len(of_group)) == ("segment", 3)
    assert mixed[0] == all_items[0]
    assert mixed != all_items


@pytest.mark.parametrize(
    ("body", "status", "mend"),
    [
        ({"filters": {"colour": "red"}}, 400, "Known: brand, category, tags"),
        ({"diversity": 2}, 422, "1.0"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(
    url: str, body: dict[str, object], status: int, mend: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, "/recommend", {"user_id": 12, **body})

    assert refused.value.code == status
    assert mend in refused.value.read().decode()
