"""What a server is started with; sent to its worker processes as JSON."""

import msgspec


class TurnLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How requests share a call of the model.

    Args:
        max_requests: that share one call; so many rows are decided before the event loop gets its turn again.
        max_wait_s: how long the first of them waits for others whose bodies are on their way. With 0 nobody waits: those
            share a call that are at hand together.
    """

    max_requests: int = 64
    max_wait_s: float = 0.0


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Plain values, read once at the top.

    Args:
        home: TELLTALE_HOME.
        apps: apps as `module:NAME`, the way entry points are written; a worker imports them again.
        artifacts: MODEL_DIR, or "" for the home's own.
        database: DATABASE_URL, or "" for files in the home.
        operator_key: what clients must send, or "" to leave everything open (loopback only).
        session_secret: what sessions of browsers are signed with where there is no operator key; `serve` makes one.
        rate_limit: requests a second of one caller and task, unless its key has a rate of its own; 0 for no limit.
        workers: processes that serve together, each of which allows its share of a rate; `serve` sets it.
        thresholds: operators' thresholds by `app/task`, in place of the bundle's.
        refresh_s: how often the registry is asked whether anything moved.
        retry_s: how long after it failed to load a version is tried again.
        flush_s: distance between flushes of the prediction log: what a crash can lose.
        log_level: "debug", "info", "warning" or "error".
        max_body_bytes: limit of a body, and of one line of a batch.
        max_intake_requests: requests with events or feedback in work at once; beyond them they are refused unread.
        max_intake_bytes: of their bodies, likewise.
        max_batch_bytes: limit of a whole batch, which is never held at once.
        turns: how requests share a call of the model, by `app/task`; of tasks not named, `TurnLimits` as it stands.
        body_timeout_s: how long a body, or the next part of a batch, may take to come.
    """

    home: str
    apps: tuple[str, ...]
    artifacts: str = ""
    database: str = ""
    operator_key: str = ""
    session_secret: str = ""
    rate_limit: float = 0.0
    workers: int = 1
    thresholds: dict[str, float] = {}
    refresh_s: float = 0.5
    retry_s: float = 3.0
    flush_s: float = 0.25
    log_level: str = "info"
    max_body_bytes: int = 1_000_000
    max_intake_requests: int = 1_000
    max_intake_bytes: int = 64_000_000
    max_batch_bytes: int = 1_000_000_000
    body_timeout_s: float = 30.0
    turns: dict[str, TurnLimits] = {}
