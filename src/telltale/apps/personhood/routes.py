"""`POST /predict`: what a chain's off-chain worker asks of the five averages."""

import math
from typing import Annotated, Any, Final

import msgspec

from telltale.contract.route import Route, RouteRequest

Did = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$", description="0x and 64 hexadecimal digits")]


class SessionFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """The five averages of one session."""

    typing_speed_wpm: float
    avg_key_hold_time_ms: float
    avg_transition_time_ms: float
    error_rate_percent: float
    activity_hour_preference: float


class PersonhoodQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session, by decentralised identifier, and its averages."""

    did: Did
    features: SessionFeatures


class PersonhoodAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the champion says.

    `score` is the probability of a legitimate session; `personhood_score` the same as a whole number from 0 to 100, for
    where there are no fractions: the same features and version give the same one everywhere.
    """

    did: str
    score: float
    personhood_score: int
    is_legitimate: bool
    threshold: float
    model_version: int
    prediction_id: str


def predict(context: Any, request: RouteRequest) -> PersonhoodAnswer:
    """The served answer of `personhood/averages`, logged as any other, under the promised names."""
    asked: PersonhoodQuestion = request.body
    answer = context.predict("personhood/averages", {"user_id": asked.did, **msgspec.structs.asdict(asked.features)})
    return PersonhoodAnswer(
        did=asked.did,
        score=answer["score"],
        personhood_score=math.floor(100.0 * answer["score"] + 0.5),
        is_legitimate=answer["decision"],
        threshold=answer["threshold"],
        model_version=answer["version"],
        prediction_id=answer["prediction_id"],
    )


ROUTES: Final = (
    Route(
        method="POST",
        path="/predict",
        summary="Is this typing session legitimate? By its five averages.",
        handle=predict,
        body=PersonhoodQuestion,
        answer=PersonhoodAnswer,
    ),
)
