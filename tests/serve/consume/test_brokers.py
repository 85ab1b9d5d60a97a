"""What a broker does for consumers, asked of both: handing out, taking over, settling once."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.serve.consume.brokers import PROGRAMS, Broker, locked, stop

from telltale.contract.errors import NotFoundError, UnavailableError, UsageError
from telltale.serve.consume.address import read_address
from telltale.serve.consume.broker import Broker as Stream
from telltale.serve.consume.broker import Delivery, Told
from telltale.serve.consume.ready import open_broker

pytestmark = pytest.mark.server
Open = Callable[[], Stream]


@pytest.fixture
def opened(broker: Broker) -> Iterator[Open]:
    """Opens the stream as one more consumer; what one leaves for a second goes to another."""
    streams: list[Stream] = []

    def open_one() -> Stream:
        streams.append(open_broker(read_address(broker.url(idle=1))))
        return streams[-1]

    yield open_one
    for stream in streams:
        stream.close()


def take(stream: Stream, n: int, *, for_s: float = 5.0) -> list[Delivery]:
    """So many, or what comes in that time."""
    taken: list[Delivery] = []
    give_up_at = time.monotonic() + for_s
    while len(taken) < n and time.monotonic() < give_up_at:
        taken += stream.take(n - len(taken), wait_s=0.2)
    return taken


def told(deliveries: list[Delivery]) -> list[Told]:
    return [Told(f"name-{one.body!r}", bytes(one.body)) for one in deliveries]  # type: ignore[arg-type]  # whole bodies


def test_messages_come_in_order_to_one_of_a_group_and_are_told_of_once(broker: Broker, opened: Open) -> None:
    sent = [b"%d" % number for number in range(2_500)]
    one, other = opened(), opened()
    broker.send(sent)
    taken = take(one, 2_500)
    nothing = take(other, 1, for_s=0.3)
    assert one.settle(taken, scores=told(taken), alarms=told(taken[:1])) == []

    assert [delivery.body for delivery in taken] == sent
    assert not any(delivery.is_again for delivery in taken)
    assert nothing == []
    assert broker.told("scores") == sent
    assert broker.told("alarms") == sent[:1]
    assert broker.n_unsettled() == 0


def test_what_one_leaves_another_takes_over_and_only_the_first_to_settle_is_heard(broker: Broker, opened: Open) -> None:
    broker.send([b"%d" % number for number in range(10)])
    slow, other = opened(), opened()
    left = take(slow, 10)
    taken_over = take(other, 10, for_s=10)
    assert other.settle(taken_over, scores=told(taken_over), alarms=[]) == []
    assert slow.settle(left, scores=told(left), alarms=[]) == []

    assert all(delivery.is_again for delivery in taken_over)
    assert {slow.number(one) for one in left} == {other.number(one) for one in taken_over}
    assert broker.told("scores") == [b"%d" % number for number in range(10)]
    assert broker.n_unsettled() == 0


def test_of_messages_that_somebody_else_has_settled_in_part_the_others_are_done_again(
    broker: Broker, opened: Open
) -> None:
    broker.send([b"%d" % number for number in range(10)])
    slow, other = opened(), opened()
    left = take(slow, 10)
    taken_over = take(other, 10, for_s=10)[:4]
    other.settle(taken_over, scores=told(taken_over), alarms=[])
    again = [one for one in left if one.id in set(slow.settle(left, scores=told(left), alarms=[]))]
    slow.settle(again, scores=told(again), alarms=[])

    assert sorted(broker.told("scores")) == [b"%d" % number for number in range(10)]
    assert broker.n_unsettled() == 0


def test_what_is_held_for_long_does_not_come_to_its_holder_again(broker: Broker, opened: Open) -> None:
    broker.send([b"1", b"2"])
    slow = opened()
    taken = take(slow, 2)
    assert take(slow, 1, for_s=2.5) == []
    slow.settle(taken, scores=told(taken), alarms=[])

    assert broker.told("scores") == [b"1", b"2"]
    assert broker.n_unsettled() == 0


def test_a_broker_that_is_away_is_told_of_and_goes_on_where_it_was(broker: Broker, opened: Open) -> None:
    broker.send([b"1", b"2"])
    stream = opened()
    taken = take(stream, 2)
    stop(broker.process)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        stream.settle(taken, scores=told(taken), alarms=[])
    with pytest.raises(UnavailableError):
        stream.take(1, wait_s=0.1)
    broker.start()
    give_up_at = time.monotonic() + 10
    while True:
        try:
            assert stream.settle(taken, scores=told(taken), alarms=[]) == []
            break
        except UnavailableError:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)

    # A broker that was killed may not know any more to whom it handed what: then it comes again.
    while broker.n_unsettled():
        assert time.monotonic() < give_up_at
        again = stream.take(2, wait_s=0.2)
        stream.settle(again, scores=told(again), alarms=[])
    assert broker.told("scores") == [b"1", b"2"]


def test_a_stream_or_a_kind_of_thing_that_is_not_there_is_told_of(broker: Broker) -> None:
    if broker.kind == "redis":
        url = broker.url().replace("scores=scores", "scores=text")
        broker.client.set("text", "1")  # type: ignore[attr-defined]  # of Redis
        error, what = UsageError, "something else than a stream"
    else:
        url = broker.url().replace("stream=metrics", "stream=nothing")
        error, what = NotFoundError, "no stream 'nothing'"  # type: ignore[assignment]  # of another kind
    stream = open_broker(read_address(url))
    with pytest.raises(error, match=what):
        stream.take(1, wait_s=0.1)
    stream.close()


def test_a_wrong_server_at_the_port_is_told_of(broker: Broker) -> None:
    port = broker.url().split(":")[2].split("/")[0].split("?")[0]
    other = {"redis": "nats", "nats": "redis"}[broker.kind]
    stream = open_broker(read_address(f"{other}://127.0.0.1:{port}?stream=metrics"))
    with pytest.raises((UsageError, UnavailableError)):
        stream.take(1, wait_s=0.1)
    stream.close()


@pytest.mark.parametrize("kind", ["redis", "nats"])
def test_who_is_not_let_in_is_told_how_to_be(kind: str, tmp_path: Path) -> None:
    if shutil.which(PROGRAMS[kind]) is None:
        pytest.skip(f"{PROGRAMS[kind]} is not installed: make system")
    with locked(kind, tmp_path) as place:
        for who in ("", "anna:wrong@"):
            stream = open_broker(read_address(f"{kind}://{who}{place}?stream=metrics"))
            with pytest.raises(UsageError, match="does not let us in") as told:
                stream.take(1, wait_s=0.1)
            assert "USER:PASSWORD" in str(told.value)
            assert "wrong" not in told.value.where
            stream.close()
        stream = open_broker(read_address(f"{kind}://anna:right@{place}?stream=metrics"))
        if kind == "redis":
            assert stream.take(1, wait_s=0.1) == []
        else:
            with pytest.raises(NotFoundError):
                stream.take(1, wait_s=0.1)
        stream.close()
