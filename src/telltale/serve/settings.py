"""What a server is started with; sent to its worker processes as JSON."""

import msgspec


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Plain values, read once at the top.

    Args:
        home: TELLTALE_HOME.
        apps: apps as `module:NAME`, the way entry points are written; a worker imports them again.
        artifacts: MODEL_DIR, or "" for the home's own.
        operator_key: what clients must send, or "" to leave everything open (loopback only).
        thresholds: operators' thresholds by `app/task`, in place of the bundle's.
        refresh_s: how often the registry is asked whether anything moved.
        flush_s: distance between flushes of the prediction log: what a crash can lose.
        log_level: "debug", "info", "warning" or "error".
        max_body_bytes: limit of a body, and of one line of a batch.
        max_batch_bytes: limit of a whole batch, which is never held at once.
        body_timeout_s: how long a body, or the next part of a batch, may take to come.
    """

    home: str
    apps: tuple[str, ...]
    artifacts: str = ""
    operator_key: str = ""
    thresholds: dict[str, float] = {}
    refresh_s: float = 0.5
    flush_s: float = 0.25
    log_level: str = "info"
    max_body_bytes: int = 1_000_000
    max_batch_bytes: int = 1_000_000_000
    body_timeout_s: float = 30.0
