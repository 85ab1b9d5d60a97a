"""A stream of Redis, shared by a consumer group."""

import os
import secrets
import socket
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from telltale.contract.errors import UsageError
from telltale.serve.consume.address import StreamAddress
from telltale.serve.consume.broker import Delivery, Told, away, driver_missing

DATA: Final = b"data"  # the field with a whole JSON object; without it the fields are the columns
_STALL_S: Final = 10.0  # a broker that answers nothing for so long is away
# Whole or not at all: while a script runs nobody else has a turn. What another consumer has claimed and settled is no longer
# pending, and then nothing is told; what it has only claimed is claimed back. Lists go in parts: Lua's stack is small.
_SETTLE: Final = """
local group, consumer, keep, n, n_scores = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local mine = {}
for first = 6, 5 + n, 1000 do
    local last = math.min(first + 999, 5 + n)
    local ids = {unpack(ARGV, first, last)}
    ids[#ids + 1] = 'JUSTID'
    for _, id in ipairs(redis.call('XCLAIM', KEYS[1], group, consumer, 0, unpack(ids))) do mine[#mine + 1] = id end
end
if #mine < n then return mine end
for at = 6 + n, #ARGV do
    local key = at <= 5 + n + n_scores and KEYS[2] or KEYS[3]
    redis.call('XADD', key, 'MAXLEN', '~', keep, '*', 'data', ARGV[at])
end
for first = 6, 5 + n, 1000 do redis.call('XACK', KEYS[1], group, unpack(ARGV, first, math.min(first + 999, 5 + n))) end
return 1
"""


class RedisStream:
    """The messages of a stream for one consumer of a group.

    A group that is not there is made, and begins with the first message of the stream.

    Args:
        address: of the stream.

    Raises:
        UsageError: the package `redis` is not installed.
    """

    is_over: Final = False

    def __init__(self, address: StreamAddress) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError:
            raise driver_missing(address.told, "Redis") from None
        self._address = address
        self._errors = redis.exceptions
        # The name is this process's alone: what a dead one was handed is claimed by time, not taken for ours.
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._client: Any = redis.Redis(
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.user or None,
            password=address.password or None,
            ssl=address.is_encrypted,
            socket_timeout=_STALL_S,
            socket_connect_timeout=_STALL_S,
            retry=Retry(NoBackoff(), 0),  # whoever calls tries again, for as long as it takes
            # As redis-py 8 would answer in its newest way otherwise, which is another shape.
            protocol=2,
        )
        self._script = self._client.register_script(_SETTLE)
        self._has_group = False
        self._claimed_s = float("-inf")
        self._claim_from = b"0-0"
        self._held: set[bytes] = set()  # taken and not settled: to be claimed by us again would be work for nothing

    def take(self, most: int, *, wait_s: float) -> list[Delivery]:
        """Those that a consumer has left unsettled for long, else new ones."""
        taken: list[Delivery] = self._asked(lambda: self._claim(most) or self._read(most, wait_s))
        self._held.update([one.id for one in taken])
        return taken

    def settle(self, deliveries: Sequence[Delivery], *, scores: Sequence[Told], alarms: Sequence[Told]) -> list[bytes]:
        """Tell and acknowledge in one script."""
        address = self._address
        arguments: list[Any] = [
            address.group,
            self._consumer,
            address.keep,
            len(deliveries),
            len(scores),
            *[one.id for one in deliveries],
            *[one.body for one in scores],
            *[one.body for one in alarms],
        ]
        # A stream that nothing is told to stands for itself: a script takes as many names each time.
        keys = [address.stream, address.scores or address.stream, address.alarms or address.stream]
        left = self._asked(lambda: self._script(keys=keys, args=arguments))
        if left != 1:
            return list(left)
        self._held.difference_update([one.id for one in deliveries])
        return []

    def tell_alarm(self, told: Told) -> None:
        """Add it to the stream of alarms."""
        address = self._address
        self._asked(
            lambda: self._client.xadd(
                address.alarms, {DATA: told.body, b"id": told.name}, maxlen=address.keep, approximate=True
            )
        )

    def number(self, delivery: Delivery) -> str:
        """The message's id in the stream."""
        return delivery.id.decode()

    def close(self) -> None:
        """Close the connections; a consumer that was handed nothing leaves the group."""
        try:
            if self._has_group and not self._client.xpending_range(
                self._address.stream, self._address.group, "-", "+", 1, consumername=self._consumer
            ):
                self._client.xgroup_delconsumer(self._address.stream, self._address.group, self._consumer)
        except (self._errors.RedisError, OSError):
            pass  # whoever looks after the broker finds a consumer too many in its list
        self._client.close()

    def _claim(self, most: int) -> list[Delivery]:
        """What nobody has settled for `idle_s`; looked for as often."""
        now_s = monotonic()
        if self._claim_from == b"0-0" and now_s - self._claimed_s < self._address.idle_s / 2:
            return []
        self._claimed_s = now_s
        address = self._address
        found = self._client.xautoclaim(
            address.stream,
            address.group,
            self._consumer,
            min_idle_time=int(address.idle_s * 1e3),
            start_id=self._claim_from,
            count=most,
        )
        self._claim_from = found[0]
        return [_delivery(id_, fields, is_again=True) for id_, fields in found[1] if id_ not in self._held]

    def _read(self, most: int, wait_s: float) -> list[Delivery]:
        address = self._address
        found = self._client.xreadgroup(
            address.group, self._consumer, {address.stream: ">"}, count=most, block=max(1, int(wait_s * 1e3))
        )
        return [_delivery(id_, fields) for _, messages in found or () for id_, fields in messages]

    def _asked(self, ask: Any) -> Any:
        """What it answers. A group that is gone, as after a restart of a broker that keeps nothing, is made anew."""
        try:
            if not self._has_group:
                self._make_group()
            return ask()
        except (self._errors.AuthenticationError, self._errors.NoPermissionError) as error:
            raise _not_let_in(self._address, error) from error
        except self._errors.ResponseError as error:
            if "NOGROUP" in str(error):
                self._has_group = False
                raise away(self._address.told, error) from error
            if "WRONGTYPE" in str(error):
                raise UsageError(
                    "something else than a stream has a name given here",
                    where=self._address.told,
                    mend="Give others to stream, scores and alarms.",
                ) from error
            raise away(self._address.told, error) from error
        except (self._errors.RedisError, OSError) as error:
            raise away(self._address.told, error) from error

    def _make_group(self) -> None:
        # Before anything is told: a script that fails half way has told half of it.
        for key in filter(None, (self._address.scores, self._address.alarms)):
            if self._client.type(key) not in {b"stream", b"none"}:
                raise self._errors.ResponseError("WRONGTYPE")
        try:
            self._client.xgroup_create(self._address.stream, self._address.group, id="0", mkstream=True)
        except self._errors.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._has_group = True


def _delivery(id_: bytes, fields: dict[bytes, bytes] | None, *, is_again: bool = False) -> Delivery:
    """A message that was cut off the stream while it waited has no fields any more."""
    whole = None if fields is None else fields.get(DATA)
    return Delivery(id_, whole if whole is not None else fields or b"", is_again)


def _not_let_in(address: StreamAddress, error: object) -> UsageError:
    return UsageError(
        f"the broker does not let us in ({error})",
        where=address.told,
        mend="Give a user who may use the streams in the address: redis://USER:PASSWORD@HOST:PORT/0?stream=NAME.",
    )
