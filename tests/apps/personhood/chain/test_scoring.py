import json
import socket

import pytest
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.codec import encode_features
from telltale.apps.personhood.chain.scoring import ask_score, question
from telltale.apps.personhood.schema import FIVE
from telltale.contract.errors import SchemaError, UnauthorizedError, UnavailableError, UsageError

VALUES = dict(zip(FIVE, (65, 120, 85, 3, 14), strict=True))
BODY = question(bytes(range(32)), bytes(range(32, 64)), encode_features(VALUES))


class Waits(list[float]):
    """What would have been slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_the_question_is_the_promised_one_with_the_hash_of_the_pattern(scorer: Scorer) -> None:
    assert ask_score(scorer.url, BODY) == scorer.score(VALUES)

    assert scorer.asked == [
        {"did": f"0x{bytes(range(32)).hex()}", "pattern_hash": f"0x{bytes(range(32, 64)).hex()}", "features": VALUES}
    ]
    assert scorer.keys == [None]


def test_confidence_comes_before_the_personhood_score(scorer: Scorer) -> None:
    scorer.extra = {"confidence": 7, "personhood_score": 93, "threshold": 0.5}

    assert ask_score(scorer.url, BODY, api_key="tt_key") == 7
    assert scorer.keys == ["tt_key"]


def test_a_busy_service_is_asked_the_same_again_and_later_if_it_says_so(scorer: Scorer) -> None:
    scorer.refusals = [(503, "busy"), (429, "slower"), (500, "broken")]
    waits = Waits()

    assert ask_score(scorer.url, BODY, sleep=waits) == scorer.score(VALUES)

    assert waits == [0.25, 0.5, 1.0]
    assert [json.dumps(asked) for asked in scorer.asked] == [json.dumps(scorer.asked[0])] * 4


def test_a_service_that_stays_busy_is_given_up_with_what_it_said(scorer: Scorer) -> None:
    scorer.refusals = [(503, "busy")] * 4

    with pytest.raises(UnavailableError, match=r"it answered 503 .*: busy"):
        ask_score(scorer.url, BODY, sleep=Waits())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(422, SchemaError), (409, SchemaError), (401, UnauthorizedError), (403, UnauthorizedError), (404, UsageError)],
)
def test_what_asking_again_would_not_mend_is_asked_once(status: int, kind: type[Exception], scorer: Scorer) -> None:
    scorer.refusals = [(status, "no")] * 4

    with pytest.raises(kind, match=f"it answered {status}"):
        ask_score(scorer.url, BODY, sleep=Waits())
    assert len(scorer.asked) == 1


@pytest.mark.parametrize("score", [101, -1, None, 3.5, "3", True])
def test_an_answer_without_a_score_is_none(score: object, scorer: Scorer) -> None:
    scorer.extra = {"personhood_score": score}

    with pytest.raises(UnavailableError, match="score"):
        ask_score(scorer.url, BODY, sleep=Waits())


def test_an_answer_about_somebody_else_is_none(scorer: Scorer) -> None:
    scorer.extra = {"did": "0x01"}

    with pytest.raises(UnavailableError, match="the answer is about 0x01"):
        ask_score(scorer.url, BODY, sleep=Waits())


def test_a_service_that_says_nothing_is_waited_for_so_long_and_no_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/predict"
        with pytest.raises(UnavailableError, match=r"no answer within 0\.05 s"):
            ask_score(url, BODY, timeout_s=0.05, sleep=Waits())


def test_nobody_there_is_said() -> None:
    with pytest.raises(UnavailableError, match=r"no answer .*refused"):
        ask_score("http://127.0.0.1:9/predict", BODY, sleep=Waits())


def test_an_address_with_another_scheme_is_refused() -> None:
    with pytest.raises(UsageError, match="--url"):
        ask_score("file:///etc/passwd", BODY, sleep=Waits())
