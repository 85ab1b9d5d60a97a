"""Pulls from a real server with faults: what is asked, what is kept, and what stands in while it is away."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.telemetry.backend.server import START, Asked, Reply, backend_of, fault, in_turn, interactions, json_reply

from telltale.apps.storefront.schema import INTERACTION
from telltale.contract.errors import SchemaError, TelltaleError, UnavailableError, UsageError
from telltale.telemetry.backend.circuit import circuit_path, read_circuit
from telltale.telemetry.backend.kept import FOLDER, all_facts, drop_old, forget_kept
from telltale.telemetry.backend.pulling import Pulled, Source, last_good, pull
from telltale.telemetry.frames import TIME
from telltale.telemetry.retries import Patience

NOW = datetime(2025, 3, 4, tzinfo=UTC)
QUICK = Patience(attempts=3, first_pause_s=0.001, most_wait_s=2.0)


def source_at(url: str, *, since: str = "", path: str = "/events") -> Source:
    return Source(app="storefront", schema=INTERACTION, url=f"{url}{path}", key_of=lambda _: "secret", since=since)


def pulled(home: Path, source: Source, *, now: datetime = NOW, at_once: bool = False) -> Pulled:
    return pull(home, source, now=now, patience=QUICK, rng=random.Random(0), at_once=at_once)


def test_faults_that_pass_cost_no_row(tmp_path: Path) -> None:
    rows = json_reply(interactions(5))
    with backend_of(in_turn([fault(500), Reply(body=rows.body, cut=40), rows])) as backend:
        found = pulled(tmp_path, source_at(backend.url))

        assert (found.checked.frame.height, found.is_stale, len(backend.asked)) == (5, False, 3)
        assert {asked.key for asked in backend.asked} == {"secret"}
    assert read_circuit(circuit_path(tmp_path / FOLDER, backend.url)).n_failures == 0


def test_too_many_requests_are_waited_out_as_asked(tmp_path: Path) -> None:
    with backend_of(in_turn([fault(429, Retry_After="1"), json_reply(interactions(3))])) as backend:
        began = datetime.now(UTC)
        found = pulled(tmp_path, source_at(backend.url))

    assert found.checked.frame.height == 3
    assert datetime.now(UTC) - began >= timedelta(seconds=1)


def test_a_wait_that_is_too_long_is_not_waited_and_leaves_the_server_alone_until_then(tmp_path: Path) -> None:
    with backend_of(lambda _: fault(503, Retry_After="900")) as backend:
        source = source_at(backend.url)
        with pytest.raises(UnavailableError, match="Try again in 900 s, as it asks"):
            pulled(tmp_path, source)
        with pytest.raises(UnavailableError, match="left alone until 2025-03-04 00:15:00 UTC"):
            pulled(tmp_path, source, now=NOW + timedelta(minutes=14))
        assert len(backend.asked) == 1


def test_a_dead_server_is_left_alone_and_then_tried_once(tmp_path: Path) -> None:
    replies = [fault(500)] * 6 + [json_reply(interactions(2))]
    with backend_of(in_turn(replies)) as backend:
        source = source_at(backend.url)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="it answered 500"):
                pulled(tmp_path, source)
        assert len(backend.asked) == 5  # the fifth failure opened the circuit, in the middle of the second pull
        for _ in range(3):
            with pytest.raises(UnavailableError, match="left alone"):
                pulled(tmp_path, source)
        assert len(backend.asked) == 5
        with pytest.raises(UnavailableError, match="500"):
            pulled(tmp_path, source, now=NOW + timedelta(seconds=61))
        assert len(backend.asked) == 6

        assert pulled(tmp_path, source, at_once=True).checked.frame.height == 2
        assert pulled(tmp_path, source).checked.frame.height == 2  # closed again


def test_what_came_last_stands_in_and_says_how_old_it_is(tmp_path: Path) -> None:
    with backend_of(in_turn([json_reply(interactions(5)), fault(502)])) as backend:
        source = source_at(backend.url)
        fresh = pulled(tmp_path, source)
        with pytest.raises(UnavailableError, match="502"):
            pulled(tmp_path, source, now=NOW + timedelta(hours=3))
        stale = last_good(tmp_path, source, fault="it answered 502")

    assert stale is not None
    assert (stale.is_stale, stale.taken_at, stale.fault) == (True, NOW, "it answered 502")
    assert stale.checked.frame.equals(fresh.checked.frame)
    (facts,) = all_facts(tmp_path)
    assert facts.failing_since == NOW + timedelta(hours=3)
    assert facts.fault.startswith("it answered 502")


def test_before_the_first_good_answer_nothing_stands_in(tmp_path: Path) -> None:
    with backend_of(lambda _: fault(500)) as backend:
        source = source_at(backend.url)
        with pytest.raises(UnavailableError):
            pulled(tmp_path, source)

        assert last_good(tmp_path, source, fault="") is None


def test_with_a_parameter_for_it_only_what_is_new_is_asked_for(tmp_path: Path) -> None:
    rows = interactions(300)

    def answer(asked: Asked) -> Reply:
        since = datetime.fromisoformat(asked.query.get("since", "2000-01-01T00:00:00+00:00"))
        n = 200 if len(backend.asked) == 1 else 300
        return json_reply([row for row in rows[:n] if datetime.fromisoformat(str(row["timestamp"])) >= since])

    with backend_of(answer) as backend:
        source = source_at(backend.url, since="since")
        first = pulled(tmp_path, source)
        second = pulled(tmp_path, source)
        third = pulled(tmp_path, source)

    reach = timedelta(seconds=INTERACTION.lateness_s)
    assert [asked.query for asked in backend.asked[:2]] == [
        {},
        {"since": f"{START + timedelta(minutes=199) - reach:%Y-%m-%dT%H:%M:%S.%fZ}"},
    ]
    assert (first.checked.frame.height, second.checked.frame.height, third.checked.frame.height) == (200, 161, 61)
    kept = last_good(tmp_path, source, fault="")
    assert kept is not None
    assert kept.checked.frame.height == 300


def test_a_clock_that_is_ahead_hides_nothing_that_comes_later(tmp_path: Path) -> None:
    ahead = {**interactions(1)[0], "timestamp": "2031-01-01T00:00:00Z"}
    with backend_of(lambda _: json_reply([ahead])) as backend:
        source = source_at(backend.url, since="since")
        pulled(tmp_path, source)
        pulled(tmp_path, source)

        assert backend.asked[-1].query["since"] == "2025-03-03T23:00:00.000000Z"


def test_bad_rows_are_set_aside_with_their_reason_and_the_good_ones_kept(tmp_path: Path) -> None:
    rows = [*interactions(3), {**interactions(1)[0], "price": -1}, {"user_id": "x"}]
    with backend_of(lambda _: json_reply(rows)) as backend:
        found = pulled(tmp_path, source_at(backend.url))

    assert found.checked.frame.height == 3
    assert [row.line for row in found.checked.quarantined] == [4, 5]


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (json_reply([{"a": 1, "timestamp": 5}]), SchemaError, "columns .* are missing"),
        (json_reply([{**interactions(1)[0], "timestamp": "noon"}]), SchemaError, "none of its 1 rows fits the event"),
        (Reply(body=b"<html>", headers={"Content-Type": "text/html"}), UsageError, "content type"),
        (Reply(body=b"[{]"), UnavailableError, "is not what it says"),
        (fault(401), TelltaleError, "401"),
        (fault(404), TelltaleError, "404"),
        (Reply(status=302, headers={"Location": "http://elsewhere.example/"}), UsageError, "leads to"),
    ],
)
def test_an_answer_that_does_not_fit_never_takes_the_place_of_a_good_one(
    tmp_path: Path, reply: Reply, error: type[TelltaleError], message: str
) -> None:
    with backend_of(in_turn([json_reply(interactions(4)), reply])) as backend:
        source = source_at(backend.url)
        pulled(tmp_path, source)
        with pytest.raises(error, match=message):
            pulled(tmp_path, source)
        kept = last_good(tmp_path, source, fault="")

    assert kept is not None
    assert kept.checked.frame.height == 4
    assert kept.checked.frame[TIME].min() == START


def test_a_slow_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telltale.telemetry.backend.pulling.TIMEOUT_S", 0.2)
    with (
        backend_of(lambda _: Reply(wait_s=0.6)) as backend,
        pytest.raises(UnavailableError, match=r"no whole answer within 0\.2 s"),
    ):
        pull(tmp_path, source_at(backend.url), now=NOW, patience=Patience(attempts=1), rng=random.Random(0))


def test_nothing_new_is_no_fault_and_keeps_what_there_was(tmp_path: Path) -> None:
    replies: Sequence[Reply] = [json_reply(interactions(4)), json_reply({"items": [], "next": None})]
    with backend_of(in_turn(replies)) as backend:
        source = source_at(backend.url)
        pulled(tmp_path, source)
        empty = pulled(tmp_path, source, now=NOW + timedelta(hours=1))
        kept = last_good(tmp_path, source, fault="")

    assert empty.checked.frame.is_empty()
    assert kept is not None
    assert (kept.checked.frame.height, kept.taken_at) == (4, NOW + timedelta(hours=1))


@pytest.fixture
def kept_home(tmp_path: Path) -> Path:
    with backend_of(lambda _: json_reply(interactions(20))) as backend:
        pulled(tmp_path, source_at(backend.url))
    return tmp_path


def copies(home: Path) -> list[Path]:
    return list((home / FOLDER).glob("*/rows.ndjson"))


@pytest.mark.parametrize(
    ("entity", "app", "n"), [("u3", None, 1), ("u3", "storefront", 1), ("u3", "pakit", 0), ("u33", None, 0)]
)
def test_forgetting_somebody_removes_the_copy_that_names_them(
    kept_home: Path, entity: str, app: str | None, n: int
) -> None:
    assert forget_kept(kept_home, entity, app=app) == n
    assert len(copies(kept_home)) == 1 - n


def test_copies_are_kept_no_longer_than_events(kept_home: Path) -> None:
    assert drop_old(kept_home, before=NOW) == 0
    assert drop_old(kept_home, before=NOW + timedelta(seconds=1)) == 1
    assert copies(kept_home) == []


def test_a_copy_that_was_damaged_stands_in_for_nothing(kept_home: Path) -> None:
    (path,) = copies(kept_home)
    text = path.read_text()
    damages: tuple[Callable[[str], str], ...] = (
        lambda _: "",
        lambda _: "{",
        lambda text: text.replace("item_id", "it"),
    )
    for damage in damages:
        path.write_text(damage(text))
        (facts,) = all_facts(kept_home)

        assert last_good(kept_home, source_at(facts.address.removesuffix("/events")), fault="") is None
    assert json.loads(text.splitlines()[0])["user_id"] == "u0"
