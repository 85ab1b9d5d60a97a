"""What a version is asked that answers questions about an entity, one kind of query per kind of task."""

import msgspec


class RankQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked for: an entity known from training, or one told by the items it has `seen`."""

    entity: str | None = None
    top_k: int = 10
    seen: tuple[str, ...] = ()
    include_seen: bool = False


class ForecastQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which series, and how far; `horizon` None for as far as the version reaches."""

    entity: str | None = None
    horizon: int | None = None


class VerifyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a row is said to be, and its acts: of which kind, by number, when each began and ended, in ms."""

    entity: str
    kinds: tuple[int, ...]
    began_ms: tuple[float, ...]
    ended_ms: tuple[float, ...]


Query = RankQuery | ForecastQuery | VerifyQuery
