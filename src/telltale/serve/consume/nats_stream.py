"""A stream of NATS JetStream, shared by those who pull from one durable consumer."""

import threading
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, Final

import msgspec

from telltale.contract.errors import NotFoundError, TelltaleError, UnavailableError, UsageError
from telltale.serve.consume.address import StreamAddress
from telltale.serve.consume.broker import Delivery, Told
from telltale.serve.consume.nats_wire import Message, NatsWire

_LINGER_S: Final = 0.02  # after a message came, for more of them
_ASKED_FOR_S: Final = 30.0
_ON_THE_WAY: Final = 100_000  # messages that all consumers of a group hold at most
_AT_ONCE: Final = 1_000  # told before the broker has said that they are stored
_SECONDS_NS: Final = 1_000_000_000
# So long the broker knows the names of what it was told: more than it takes to start again after a crash and to be handed
# what was not acknowledged, `idle_s` later.
_KNOWN_FOR_S: Final = 120.0


class NatsStream:
    """The messages of a stream for one of those who share a durable consumer.

    The durable consumer is made where it is not there, and begins with the first message; so are streams for what is told,
    where no stream takes its subject. An answer that is told twice, since we died between telling and acknowledging, comes
    under the same `Nats-Msg-Id`, and the broker keeps one.

    Args:
        address: of the stream.
    """

    is_over: Final = False

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        # Two connections: whoever takes must not wait for whoever settles.
        self._taking: NatsWire | None = None
        self._settling: NatsWire | None = None
        self._turn = threading.Lock()  # over settling: alarms are told by another thread
        self._n_asked = 0  # messages asked for that have not come
        self._asked_until_s = 0.0
        self._held: set[bytes] = set()  # sequence numbers: handed out and not settled

    def take(self, most: int, *, wait_s: float) -> list[Delivery]:
        """Messages that came; those that nobody acknowledged in time come by themselves, by and by."""
        if self._taking is None:
            self._taking, self._n_asked = self._opened(), 0
        wire = self._taking
        try:
            if self._n_asked <= 0 or monotonic() > self._asked_until_s:
                self._ask_for(wire, most)
            taken: list[Delivery] = []
            end_s = monotonic() + wait_s
            while len(taken) < most and (left_s := end_s - monotonic()) > 0:
                some = self._deliveries(wire.receive(left_s))
                if some and not taken:
                    end_s = min(end_s, monotonic() + _LINGER_S)
                taken += some
                if self._n_asked <= 0 and len(taken) < most:
                    self._ask_for(wire, most)
        except UnavailableError:
            self._taking = None
            raise
        return taken

    def settle(self, deliveries: Sequence[Delivery], *, scores: Sequence[Told], alarms: Sequence[Told]) -> list[bytes]:
        """Tell under names, wait until it is stored, then acknowledge."""
        with self._turn:
            wire = self._settling_wire()
            for subject, told in ((self._address.scores, scores), (self._address.alarms, alarms)):
                for first in range(0, len(told) if subject else 0, _AT_ONCE):
                    wire.tell(subject.encode(), told[first : first + _AT_ONCE])
            wire.send(b"".join([b"PUB %b 4\r\n+ACK\r\n" % one.id for one in deliveries]))
            wire.flush()
            self._held.difference_update([_sequence(one.id) for one in deliveries])
        return []

    def tell_alarm(self, told: Told) -> None:
        """Tell of it under its name."""
        with self._turn:
            self._settling_wire().tell(self._address.alarms.encode(), [told])

    def number(self, delivery: Delivery) -> str:
        """The message's sequence number in the stream."""
        return _sequence(delivery.id).decode()

    def close(self) -> None:
        """Close both connections. What was taken and not settled comes to others once its time is up."""
        for wire in (self._taking, self._settling):
            if wire is not None:
                wire.close()
        self._taking = self._settling = None

    def _ask_for(self, wire: NatsWire, n: int) -> None:
        address = self._address
        body = msgspec.json.encode({"batch": n, "expires": int(_ASKED_FOR_S * _SECONDS_NS)})
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{address.stream}.{address.group}".encode()
        wire.send(b"PUB %b %b.n %d\r\n%b\r\n" % (subject, wire.inbox, len(body), body))
        self._n_asked, self._asked_until_s = n, monotonic() + _ASKED_FOR_S + 1.0

    def _deliveries(self, came: Iterable[Message]) -> list[Delivery]:
        found = []
        for reply, head, body in came:
            if not reply.startswith(b"$JS.ACK."):
                # Not a message of the stream: the broker says that nothing more comes of what was asked for.
                self._refuse_gone(head)
                self._n_asked = 0
                continue
            self._n_asked -= 1
            delivered, sequence = _parts(reply)
            is_again = delivered != b"1"
            if is_again and sequence in self._held:
                continue  # it is being worked on here: that takes longer than the broker waits
            self._held.add(sequence)
            found.append(Delivery(reply, body, is_again))
        return found

    def _refuse_gone(self, head: bytes) -> None:
        status = head[9:13].strip()
        if status in {b"503", b"404"} or b"onsumer Deleted" in head:
            self.close()
            raise UnavailableError(
                f"the durable consumer {self._address.group} is gone ({head[9:80].decode(errors='replace').strip()})",
                where=self._address.told,
                mend="It is made anew by itself.",
            )

    def _settling_wire(self) -> NatsWire:
        if self._settling is None or self._settling.is_closed:
            self._settling = NatsWire(self._address)
        return self._settling

    def _opened(self) -> NatsWire:
        """A connection, with all there that is needed."""
        address, wire = self._address, NatsWire(self._address)
        try:
            self._check_stream(wire)
            self._make_consumer(wire)
            for subject in filter(None, (address.scores, address.alarms)):
                self._make_stream(wire, subject)
        except TelltaleError:
            wire.close()
            raise
        return wire

    def _check_stream(self, wire: NatsWire) -> None:
        address = self._address
        answer = wire.ask(f"$JS.API.STREAM.INFO.{address.stream}")
        if "error" in answer:
            if answer["error"].get("code") != 404:
                raise _refused(address, answer)
            raise NotFoundError(
                f"there is no stream {address.stream!r}",
                where=address.told,
                mend=f"Make it where its messages are sent from, as with: nats stream add {address.stream}.",
            )
        for subject in filter(None, (address.scores, address.alarms)):
            if any(_takes(pattern, subject) for pattern in answer["config"].get("subjects") or ()):
                raise UsageError(
                    f"what is told to {subject} would come back as an event: the stream takes this subject",
                    where=address.told,
                    mend="Choose a subject that the stream does not take.",
                )

    def _make_consumer(self, wire: NatsWire) -> None:
        address = self._address
        config = {
            "durable_name": address.group,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(address.idle_s * _SECONDS_NS),
            "max_deliver": -1,
            "max_ack_pending": _ON_THE_WAY,
            "replay_policy": "instant",
        }
        asked = {"stream_name": address.stream, "config": config}
        answer = wire.ask(f"$JS.API.CONSUMER.DURABLE.CREATE.{address.stream}.{address.group}", asked)
        if "error" in answer:
            raise _refused(address, answer)

    def _make_stream(self, wire: NatsWire, subject: str) -> None:
        address = self._address
        found = wire.ask("$JS.API.STREAM.NAMES", {"subject": subject})
        if found.get("streams"):
            return
        name = "".join(letter if letter.isalnum() else "-" for letter in subject)
        config = {
            "name": name,
            "subjects": [subject],
            "retention": "limits",
            "discard": "old",
            "max_msgs": address.keep,
            "storage": "file",
            "num_replicas": 1,
            "duplicate_window": int(max(_KNOWN_FOR_S, 4 * address.idle_s) * _SECONDS_NS),
        }
        answer = wire.ask(f"$JS.API.STREAM.CREATE.{name}", config)
        if "error" in answer:
            raise _refused(address, answer)


def _parts(reply: bytes) -> tuple[bytes, bytes]:
    """How often a message was handed out, and its sequence number in the stream, by the subject of its acknowledgement.

    >>> _parts(b"$JS.ACK.metrics.telltale.2.17.30.1700000000000000000.0")
    (b'2', b'17')
    """
    # $JS.ACK.[domain.account.]stream.consumer.delivered.sequence.number.time.pending[.token]
    parts = reply.split(b".")
    return (parts[4], parts[5]) if len(parts) == 9 else (parts[6], parts[7])


def _sequence(reply: bytes) -> bytes:
    return _parts(reply)[1]


def _takes(pattern: str, subject: str) -> bool:
    """Whether a stream with a pattern takes a subject.

    >>> _takes("metrics.*", "metrics.scores"), _takes("metrics", "metrics.scores"), _takes("a.>", "a.b.c")
    (True, False, True)
    """
    parts, words = pattern.split("."), subject.split(".")
    for place, part in enumerate(parts):
        if part == ">":
            return len(words) > place
        if place >= len(words) or part not in {"*", words[place]}:
            return False
    return len(parts) == len(words)


def _refused(address: StreamAddress, answer: dict[str, Any]) -> UsageError:
    return UsageError(
        f"the broker refuses ({answer['error'].get('description', answer['error'])})",
        where=address.told,
        mend="See which rights the user has, and whether a consumer of this name was made otherwise.",
    )
