"""The address of a stream: which broker, which stream of it, for which group, and where answers go."""

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from telltale.contract.errors import UsageError

Kind = Literal["redis", "nats"]

_SCHEMES: Final[Mapping[str, tuple[Kind, int]]] = {
    "redis": ("redis", 6379),
    "rediss": ("redis", 6379),
    "nats": ("nats", 4222),
    "tls": ("nats", 4222),
}
_PARTS: Final = ("stream", "group", "scores", "alarms", "idle", "keep")
EXAMPLES: Final = (
    "redis://127.0.0.1:6379/0?stream=metrics&scores=metrics.scores or "
    "nats://127.0.0.1:4222?stream=metrics&scores=metrics.scores"
)


class StreamAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of a stream says.

    Args:
        kind: of the broker.
        host: where it is.
        port: where it is.
        is_encrypted: whether the connection is by TLS.
        user: "" where none is needed.
        password: likewise; of NATS a token where there is no user.
        database: of Redis.
        stream: that messages are taken from.
        group: those who share its messages: a consumer group of Redis, a durable consumer of NATS.
        scores: where answers go; "" for nowhere.
        alarms: where positive decisions and alarms go; "" for nowhere.
        idle_s: after so long without an acknowledgement a message goes to another consumer of the group.
        keep: about so many messages are kept in the streams that answers and alarms go to.
    """

    kind: Kind
    host: str
    port: int
    stream: str
    is_encrypted: bool = False
    user: str = ""
    password: str = ""
    database: int = 0
    group: str = "telltale"
    scores: str = ""
    alarms: str = ""
    idle_s: float = 30.0
    keep: int = 1_000_000

    @property
    def told(self) -> str:
        """For people, and as the source of rows: without user and password.

        >>> read_address("redis://anna:secret@db/2?stream=metrics").told
        'redis://db:6379/2 metrics'
        """
        database = f"/{self.database}" if self.kind == "redis" else ""
        return f"{self.kind}://{self.host}:{self.port}{database} {self.stream}"


def is_stream(address: str) -> bool:
    """Whether it looks like the address of a stream.

    >>> is_stream("redis://db?stream=a"), is_stream("https://shop/orders")
    (True, False)
    """
    return address.partition("://")[0] in _SCHEMES and "://" in address


def read_address(text: str) -> StreamAddress:
    """What an address says.

    Raises:
        UsageError: it is of no broker, names no stream, or says what nobody knows.

    >>> read_address("nats://127.0.0.1?stream=metrics&scores=metrics.scores").port
    4222
    """
    scheme = text.partition("://")[0]
    if scheme not in _SCHEMES or "://" not in text:
        raise UsageError("that is no address of a stream", where="stream", mend=f"As in {EXAMPLES}.")
    kind, usual_port = _SCHEMES[scheme]
    try:
        parts = urlsplit(text)
        port = parts.port or usual_port
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise UsageError(f"the address cannot be read ({error})", where="stream", mend=f"As in {EXAMPLES}.") from None
    said = dict(pairs)
    for name in said:
        if name not in _PARTS:
            raise UsageError.not_one_of(name, _PARTS, where="stream, after the question mark")
    if len(said) < len(pairs):
        raise UsageError("a name is said twice", where="stream, after the question mark", mend="Say each once.")
    if not said.get("stream"):
        raise UsageError("it names no stream", where="stream", mend=f"As in {EXAMPLES}.")
    return StreamAddress(
        kind=kind,
        host=parts.hostname or "127.0.0.1",
        port=port,
        is_encrypted=scheme in {"rediss", "tls"},
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=_database(kind, parts.path),
        stream=_name(kind, "stream", said["stream"]),
        group=_name(kind, "group", said.get("group") or "telltale"),
        scores=_apart(said, "scores"),
        alarms=_apart(said, "alarms"),
        idle_s=_number(said.get("idle", "30"), "idle", least=1.0),
        keep=int(_number(said.get("keep", "1000000"), "keep", least=1.0)),
    )


def _database(kind: Kind, path: str) -> int:
    told = path.strip("/")
    if kind == "redis" and (not told or told.isdecimal()):
        return int(told or "0")
    if told:
        mend = "Give its number there: redis://HOST:PORT/0?stream=NAME." if kind == "redis" else "Leave it out."
        raise UsageError(f"the path {path!r} is no database", where="stream", mend=mend)
    return 0


def _name(kind: Kind, what: str, name: str) -> str:
    """A name of NATS stands in subjects, where some characters have a meaning."""
    if kind == "nats" and any(letter in ".*> /\\" or not letter.isprintable() for letter in name):
        raise UsageError(
            f"{what} {name!r} cannot be one of NATS", where="stream", mend="Leave out dots, *, > and spaces."
        )
    return name


def _apart(said: Mapping[str, str], what: str) -> str:
    """What is told back must not come in again."""
    name = said.get(what, "")
    if name and name == said["stream"]:
        raise UsageError(f"{what} go where events come from", where="stream", mend=f"Name another one: {what}=NAME.")
    return name


def _number(told: str, what: str, *, least: float) -> float:
    try:
        number = float(told)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise UsageError(f"{what} is {told!r}", where="stream", mend=f"Give a number from {least:g} up.")
    return number
