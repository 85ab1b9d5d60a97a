"""`POST /predict`: what a chain's off-chain worker asks of the five averages, answered once by DID and pattern."""

import math
from hashlib import sha256
from struct import Struct
from typing import Annotated, Any, Final

import msgspec

from telltale.apps.personhood.routes_profile import PROFILE_ROUTES
from telltale.contract.route import AnsweredOnce, Asked, Route

Did = Annotated[
    str,
    msgspec.Meta(
        pattern="^0x[0-9a-fA-F]{64}$",
        max_length=66,  # "$" lets a line end pass
        description="0x and 64 hexadecimal digits; in capitals or not, it is the same one, and told in small letters",
    ),
]
PatternHash = Annotated[
    str,
    msgspec.Meta(
        pattern="^0x[0-9a-fA-F]{64}$",
        max_length=66,  # "$" lets a line end pass
        description="what the asker knows these five values by: 0x and 64 hexadecimal digits, in capitals or not",
    ),
]
_FIVE: Final = Struct(">5d")


class SessionFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """The five averages of one session."""

    typing_speed_wpm: float
    avg_key_hold_time_ms: float
    avg_transition_time_ms: float
    error_rate_percent: float
    activity_hour_preference: float


class PersonhoodQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session, by decentralised identifier, and its averages.

    The answer is kept by `did` and `pattern_hash`. A chain that has a hash of its own of what it queued sends that; without
    one it is the SHA-256 of the five values in their order, each as 8 bytes (IEEE 754, big-endian; -0.0 as 0.0). A hash
    that came with other values before is refused.
    """

    did: Did
    features: SessionFeatures
    pattern_hash: PatternHash | None = None


class PersonhoodAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided when this was first asked; asked again, it is the same to the last character.

    `confidence` is the probability of a legitimate session as a whole number from 0 to 100, for where there are no
    fractions; `personhood_score` is the same number under its older name.
    """

    did: str
    pattern_hash: str
    confidence: int
    score: float
    personhood_score: int
    is_legitimate: bool
    threshold: float
    model_version: int
    prediction_id: str


class _Row(msgspec.Struct, frozen=True):
    """A row of `personhood/averages`."""

    user_id: str
    typing_speed_wpm: float
    avg_key_hold_time_ms: float
    avg_transition_time_ms: float
    error_rate_percent: float
    activity_hour_preference: float


def pattern_of(features: SessionFeatures) -> str:
    """The hash that five values have where the asker knows them by none.

    >>> told = SessionFeatures(
    ...     typing_speed_wpm=65, avg_key_hold_time_ms=120, avg_transition_time_ms=85, error_rate_percent=3,
    ...     activity_hour_preference=14,
    ... )
    >>> pattern_of(told)[:18]
    '0xe98dbe5bed60e469'
    """
    # Adding 0.0 turns -0.0 into 0.0, which is the same value.
    values = [value + 0.0 for value in msgspec.structs.astuple(features)]
    return f"0x{sha256(_FIVE.pack(*values)).hexdigest()}"


def confidence_of(score: float) -> int:
    """A probability as a whole number from 0 to 100; a half goes up."""
    return math.floor(100.0 * score + 0.5)


def ask(body: Any) -> Asked:
    """The question of a body, known by its DID and pattern."""
    asked: PersonhoodQuestion = body
    own = pattern_of(asked.features)
    did = asked.did.lower()
    # Whatever hash it is called by, it is answered for these values and no others.
    pattern = own if asked.pattern_hash is None else asked.pattern_hash.lower()
    return Asked(did, pattern, own, _Row(did, *msgspec.structs.astuple(asked.features)))


def tell(asked: Asked, _body: Any, answer: Any) -> PersonhoodAnswer:
    """The served answer of `personhood/averages` under the promised names."""
    confidence = confidence_of(answer.score)
    return PersonhoodAnswer(
        did=asked.entity,
        pattern_hash=asked.pattern,
        confidence=confidence,
        score=answer.score,
        personhood_score=confidence,
        is_legitimate=answer.decision,
        threshold=answer.threshold,
        model_version=answer.version,
        prediction_id=answer.prediction_id,
    )


PREDICT: Final = Route(
    method="POST",
    path="/predict",
    summary="Is this typing session legitimate? By its five averages; answered once.",
    handle=AnsweredOnce(task="averages", ask=ask, tell=tell),
    body=PersonhoodQuestion,
    answer=PersonhoodAnswer,
)

ROUTES: Final = (PREDICT, *PROFILE_ROUTES)
