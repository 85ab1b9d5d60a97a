"""What a version is asked that answers questions about an entity, one kind of query per kind of task."""

import msgspec


class RankQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked for: an entity known from training, or one told by the items it has `seen`.

    Args:
        entity: whom.
        top_k: so many items at most.
        seen: the items of this visit, oldest first; of one who is not known, all there is to go by.
        include_seen: whether items that the entity has had, or that are in `seen`, may be in the answer.
        without: items that are not wanted.
        filters: by the name of an attribute, its values that are wanted: an item must have one of each.
        diversity: from 0, the best by themselves, to 1, as unlike each other as can be.
        segment: the group of one who is not known.
        had: what the entity has had since training, oldest first; a server adds what is stored.
    """

    entity: str | None = None
    top_k: int = 10
    seen: tuple[str, ...] = ()
    include_seen: bool = False
    without: tuple[str, ...] = ()
    filters: dict[str, tuple[str, ...]] = {}
    diversity: float = 0.0
    segment: str | None = None
    had: tuple[str, ...] = ()


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


class SimilarQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for: a thing that is known by name (`item`), or one told by its fingerprints, its figures, or both."""

    item: str | None = None
    fingerprints: tuple[int, ...] = ()
    figures: dict[str, float] = {}
    top_k: int = 5
    entity: str | None = None


class NextQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What an entity came to of late, oldest first, and how many of what comes next are wanted at most."""

    recent: tuple[str, ...]
    top_k: int = 4
    entity: str | None = None


class ActQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done (nothing where the task's options say it), and what is known before; what is missing is not known."""

    available: tuple[str, ...] = ()
    context: dict[str, float] = {}
    entity: str | None = None


Query = RankQuery | ForecastQuery | VerifyQuery | SimilarQuery | NextQuery | ActQuery
