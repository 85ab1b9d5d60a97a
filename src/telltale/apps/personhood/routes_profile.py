"""`/v1/personhood/…`: a person is enrolled, verified, confirmed and shown; thin functions over what the kernel keeps.

Enrolling, confirming and going back change who will be accepted: they need the scope "operate".
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from telltale.apps.personhood.averages import LEAST_KEYS, Averages, averages_of
from telltale.apps.personhood.rhythm import Gap, Hold, gaps_of, holds_of
from telltale.apps.personhood.schema import KEY_CLASSES
from telltale.apps.personhood.session import session_fault
from telltale.contract.errors import NotEnoughDataError, NotFoundError, SchemaError
from telltale.contract.route import Route, RouteRequest
from telltale.storage.instants import from_us
from telltale.telemetry.times import show_time
from telltale.telemetry.values import LONGEST_ENTITY

_TASK: Final = "personhood/verify"
_MOST_SESSIONS: Final = 200
UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ENTITY)]
PredictionId = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class TypedSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When keys went down and up, in ms since the first press, and of what class each was: never which key."""

    presses_ms: tuple[float, ...]
    releases_ms: tuple[float, ...]
    classes: tuple[Literal[KEY_CLASSES], ...]  # type: ignore[valid-type]  # the names are the schema's
    corrections: Annotated[int, msgspec.Meta(ge=0)]
    local_hour: Annotated[int, msgspec.Meta(ge=0, le=23)]
    session_id: str | None = None
    timestamp: float | str | None = None


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sessions that are known to be a person's own."""

    user_id: UserId
    sessions: Annotated[list[TypedSession], msgspec.Meta(min_length=1, max_length=_MOST_SESSIONS)]


class VerifyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose a session is said to be."""

    user_id: UserId
    session: TypedSession


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that was yes, and that something else has confirmed since: a second factor, a person."""

    prediction_id: PredictionId


class RevertRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number of a profile to go back to."""

    user_id: UserId
    profile: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class ProfileQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose profile is to be shown."""

    user_id: UserId


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a person now. `n_more` sessions are wanted before anything is verified."""

    user_id: str
    profile: int
    n_samples: int
    n_keys: int
    is_ready: bool
    n_more: int


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the session is the person's own: `is_legitimate` is `score >= threshold`, unless it was seen before.

    `confidence` says the score as a whole number from 0 to 100. `replayed`: it is one of the enrolled sessions again.
    """

    prediction_id: str
    user_id: str
    score: float
    confidence: int
    is_legitimate: bool
    threshold: float
    model_version: int
    n_samples: int
    averages: Averages
    replayed: bool = False


class ProfileMade(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a profile: `made_at` is ISO 8601."""

    profile: int
    n_samples: int
    made_at: str
    actor: str
    reason: str


class ShownProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A person's rhythm: what is held how long, and how long it is from one press to the next; quartiles, in ms."""

    user_id: str
    profile: int
    n_samples: int
    n_keys: int
    holds: tuple[Hold, ...]
    gaps: tuple[Gap, ...]
    history: tuple[ProfileMade, ...]


def enrol(context: Any, request: RouteRequest) -> Enrolled:
    """Add sessions to a person's profile."""
    asked: EnrolRequest = request.body
    for place, session in enumerate(asked.sessions):
        _check(session, where=f"request body, sessions[{place}]")
    return _enrolled(context, context.enrol(_TASK, [_row(asked.user_id, session) for session in asked.sessions]))


def verify(context: Any, request: RouteRequest) -> Verified:
    """Compare a session with a person's own; logged as any other prediction."""
    asked: VerifyRequest = request.body
    session = asked.session
    averages = _check(session, where="request body, session")
    answer = context.predict(_TASK, _row(asked.user_id, session))
    return Verified(
        prediction_id=answer["prediction_id"],
        user_id=asked.user_id,
        score=answer["score"],
        confidence=answer["confidence"],
        is_legitimate=answer["decision"],
        threshold=answer["threshold"],
        model_version=answer["version"],
        n_samples=answer["n_samples"],
        averages=averages,
        replayed=answer.get("replayed", False),
    )


def confirm(context: Any, request: RouteRequest) -> Enrolled:
    """Take an accepted and confirmed session into the profile."""
    asked: ConfirmRequest = request.body
    return _enrolled(context, context.confirm(_TASK, asked.prediction_id))


def revert(context: Any, request: RouteRequest) -> Enrolled:
    """Go back to an earlier profile, under a new number."""
    asked: RevertRequest = request.body
    return _enrolled(context, context.revert_profile(_TASK, asked.user_id, asked.profile))


def show(context: Any, request: RouteRequest) -> ShownProfile:
    """A person's profile, as a picture needs it."""
    asked: ProfileQuery = request.query
    profile = context.profile(_TASK, asked.user_id)
    if profile is None:
        raise NotFoundError(
            f"{asked.user_id[:60]!r} is not enrolled",
            where=_TASK,
            mend="POST /v1/personhood/enrol takes their sessions.",
        )
    sequences = profile.sequences()
    return ShownProfile(
        user_id=asked.user_id,
        profile=profile.number,
        n_samples=profile.n_samples,
        n_keys=sum(map(len, sequences)),
        holds=holds_of(sequences),
        gaps=gaps_of(sequences),
        history=tuple(
            ProfileMade(
                profile=made.number,
                n_samples=made.n_samples,
                made_at=show_time(from_us(made.made_us)),
                actor=made.actor,
                reason=made.reason,
            )
            for made in context.profile_history(_TASK, asked.user_id)
        ),
    )


def _check(session: TypedSession, *, where: str) -> Averages:
    """The averages of a session. Raises NotEnoughDataError, SchemaError."""
    n = len(session.presses_ms)
    if not n == len(session.releases_ms) == len(session.classes):
        raise SchemaError(
            f"there are {n} presses_ms, {len(session.releases_ms)} releases_ms and {len(session.classes)} classes",
            where=where,
            mend="Send one of each for every key.",
        )
    if n < LEAST_KEYS:
        raise NotEnoughDataError(
            f"the session has {n} keys, and needs {LEAST_KEYS}", where=where, mend=f"Type {LEAST_KEYS - n} keys more."
        )
    fault = session_fault(
        session.presses_ms, session.releases_ms, classes=session.classes, corrections=session.corrections
    )
    averages = averages_of(
        session.presses_ms, session.releases_ms, corrections=session.corrections, local_hour=session.local_hour
    )
    if fault is not None or averages is None:
        raise SchemaError(fault or "it has no averages", where=where, mend="Send what the recorder recorded, as it is.")
    return averages


def _row(user_id: str, session: TypedSession) -> dict[str, Any]:
    """As a row of the event `session`."""
    told = {name: value for name, value in msgspec.structs.asdict(session).items() if value is not None}
    return {"user_id": user_id, **told}


def _enrolled(context: Any, profile: Any) -> Enrolled:
    app, _, task = _TASK.partition("/")
    n_more = max(0, context.app(app).task(task).verification.least_samples - profile.n_samples)
    return Enrolled(
        user_id=profile.entity,
        profile=profile.number,
        n_samples=profile.n_samples,
        n_keys=sum(map(len, profile.sequences())),
        is_ready=not n_more,
        n_more=n_more,
    )


PROFILE_ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/personhood/enrol",
        summary="Add sessions to what is known of a person",
        handle=enrol,
        body=EnrolRequest,
        answer=Enrolled,
        scope="operate",
    ),
    Route(
        method="POST",
        path="/v1/personhood/verify",
        summary="Is this session the person's own?",
        handle=verify,
        body=VerifyRequest,
        answer=Verified,
    ),
    Route(
        method="POST",
        path="/v1/personhood/confirm",
        summary="Learn a session that was accepted, now that something else has confirmed it",
        handle=confirm,
        body=ConfirmRequest,
        answer=Enrolled,
        scope="operate",
    ),
    Route(
        method="POST",
        path="/v1/personhood/revert",
        summary="Go back to an earlier profile of a person",
        handle=revert,
        body=RevertRequest,
        answer=Enrolled,
        scope="operate",
    ),
    Route(
        method="GET",
        path="/v1/personhood/profile",
        summary="A person's rhythm, and how their profile came about",
        handle=show,
        query=ProfileQuery,
        answer=ShownProfile,
        scope="read",
    ),
)
