"""What no server should take, on every way in. Fixtures' types live in conftest, which cannot be imported: hence Any."""

import json
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import msgspec
import pytest
from tests.fuzz.targets import APPS, make_home
from tests.serve.http.hostile_bodies import ENTITIES, NUMBERS, PREDICT, TIMES, WAYS, wholes

from telltale.serve.settings import ServeSettings

LONGEST_S = 1.5  # on a busy machine
# A customer nobody knows, and an empty batch, have answers; of lines, the first of two may be good.
FINE = {
    "ranking": ["only brackets"],
    "batch": ["nothing", "blank"],
    "event lines": [
        "a known key twice",
        "cut in the middle",
        "cut before the end",
        "more after the end",
        "two documents",
        "a comment",
    ],
}
of_every_way = pytest.mark.parametrize("name", WAYS)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, make_client: Callable[[Any], Any]) -> Iterator[Any]:
    """One application with every kind of task, for all of these tests: nothing that is refused may change it."""
    client = make_client(ServeSettings(home=str(make_home(tmp_path_factory.mktemp("hostile"))), apps=APPS))
    yield client
    client.close()


@pytest.fixture
def ask(name: str, everything: Any) -> Callable[[bytes], Any]:
    """Sends a body on a way: the problem it is answered with, or None where it was taken."""
    way, client = WAYS[name], everything

    def send(body: bytes) -> Any:
        began = perf_counter()
        answer = client.post(way.path, body)
        assert perf_counter() - began < LONGEST_S
        if answer.status_code in {200, 202, 409}:  # 409: version 1 is the champion already
            told = [json.loads(line) for line in answer.text.splitlines()] if name == "batch" else []
            return next((line["error"] for line in told if "error" in line), None)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.json()

    return send


def _is_refused(problem: Any, *names: str) -> str:
    """What of the problem document is wrong, or ""."""
    if problem is None:
        return "was taken"
    if not 400 <= problem["status"] < 500:
        return f"status {problem['status']}: {problem}"
    if not problem["mend"]:
        return f"no mend: {problem}"
    told = f"{problem['where']} {problem['detail']}"
    if not any(name in told for name in (*names, "not JSON") if name):
        return f"{names} not named: {problem}"
    return ""


def _tried(ask: Callable[[bytes], Any], bodies: dict[str, bytes], *names: str) -> dict[str, str]:
    found = {label: _is_refused(ask(body), *names) for label, body in bodies.items()}
    return {label: fault for label, fault in found.items() if fault}


@of_every_way
def test_the_good_body_of_each_way_is_taken(name: str, ask: Callable[[bytes], Any]) -> None:
    problem = ask(WAYS[name].good())

    assert problem is None or (name, problem["type"]) == ("entity", "urn:telltale:not-enough-data")


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.number])
def test_what_is_no_number_is_refused_by_name(name: str, ask: Callable[[bytes], Any]) -> None:
    way = WAYS[name]

    assert _tried(ask, {label: way.good(number=value) for label, value in NUMBERS.items()}, way.number) == {}


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.number])
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_named_with_its_field(
    name: str, number: str, ask: Callable[[bytes], Any]
) -> None:
    problem = ask(WAYS[name].good(number=number))

    assert WAYS[name].number in f"{problem['where']} {problem['detail']}"


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.time])
def test_what_is_no_time_is_refused_by_name(name: str, ask: Callable[[bytes], Any]) -> None:
    way = WAYS[name]
    bodies = {label: way.good(time=value) for label, value in TIMES.items()}
    if name == "feedback":  # a span may begin before everything
        del bodies["year 1 before UTC"]

    assert _tried(ask, bodies, way.time, "span") == {}


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.entity])
def test_what_is_no_name_is_refused_by_name(name: str, ask: Callable[[bytes], Any]) -> None:
    way = WAYS[name]
    left_out = set()
    if name.startswith("event"):  # events know entities by any number
        left_out = {"a fraction"}
    if name == "event lines":  # two of them are too large together
        left_out = {"a fraction", "500,000 characters"}
    if way.entity == "reason":  # it may be longer than a name
        left_out = {"513 characters"}
    if name == "app route":  # which takes 500 bytes in all
        left_out = {"10^600", "500,000 characters", "513 characters"}

    bodies = {label: way.good(entity=value) for label, value in ENTITIES.items() if label not in left_out}

    assert _tried(ask, bodies, way.entity) == {}


@of_every_way
def test_what_is_wrong_as_a_whole_is_refused(name: str, ask: Callable[[bytes], Any]) -> None:
    bodies = dict(wholes(WAYS[name]))
    for label in FINE.get(name, ()):
        del bodies[label]

    assert _tried(ask, bodies, "request body", "line 1", "line 2", "shop/", "helios/", "/v1/") == {}


@of_every_way
@pytest.mark.parametrize("spelling", ["twice", "by an escape", "with equal values"])
def test_a_key_that_is_named_twice_is_refused_however_it_is_spelled(
    name: str, spelling: str, ask: Callable[[bytes], Any]
) -> None:
    way = WAYS[name]
    key = way.entity or way.number
    again = {"twice": key, "by an escape": f"\\u{ord(key[0]):04x}{key[1:]}", "with equal values": key}[spelling]
    value = way.usual if spelling == "with equal values" else '"b"'

    problem = ask(way.good(more=f', "{again}": {value}'))

    assert problem["status"] == 422
    assert f"{key} is named twice" in problem["detail"]


@pytest.mark.parametrize("name", ["row", "window", "batch"])
def test_further_keys_may_be_there_but_not_twice(name: str, ask: Callable[[bytes], Any]) -> None:
    way = WAYS[name]

    assert ask(way.good(more=', "note": "says \\"twice\\"", "tags": ["a", "a"], "more": {"note": 1}')) is None
    assert "note is named twice" in ask(way.good(more=', "note": 1, "note": 1'))["detail"]
    assert "deep is named twice" in ask(way.good(more=', "note": {"deep": [1], "deep": [1]}'))["detail"]


@pytest.mark.parametrize("number", ["-0.0", str(2**53 + 1), "1e18", "1E2", "1e-400"])
@pytest.mark.parametrize("name", ["row", "batch", "event"])
def test_numbers_at_the_edge_are_numbers(name: str, number: str, ask: Callable[[bytes], Any]) -> None:
    assert ask(WAYS[name].good(number=number)) is None


def test_time_and_entity_under_two_names_may_not_differ(everything: Any, row: dict[str, Any]) -> None:
    assert everything.post(PREDICT, row | {"entity": row["service"]}).status_code == 200
    told = everything.post(PREDICT, row | {"entity": "another"}).json()

    assert (told["status"], told["detail"], told["mend"]) == (422, "service and entity differ", "Send service alone.")


def test_a_window_may_not_have_more_rows_than_it_says(everything: Any, row: dict[str, Any]) -> None:
    told = everything.post(PREDICT, json.dumps({"rows": [{"a": 1}] * 10}).encode()).json()
    rows = b",".join(
        [msgspec.json.encode({key: row[key] for key in row if key not in {"timestamp", "service"}})] * 9_000
    )

    assert told["status"] == 422
    assert everything.post(PREDICT, b'{"rows": [' + rows + b"]}").status_code in {200, 413}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kind=a&kind=b", "kind is given 2 times"),
        ("kind=%ff", "no UTF-8"),
        ("kind=a&limit=1e999", "limit"),
        ("kind=a&limit=NaN", "limit"),
        ("kind=a&limit=" + "9" * 5_000, "limit"),
        ("kind=a&limit=-1&limit=2", "limit is given 2 times"),
        ("kind=a&" + "x=1&" * 1_000, "x"),
    ],
)
def test_a_query_string_is_held_to_its_fields(everything: Any, query: str, words: str) -> None:
    answer = everything.get(f"/parts/a/versions?{query}")

    assert answer.status_code == 422
    assert words in f"{answer.json()['where']} {answer.json()['detail']}"


@pytest.mark.parametrize(
    "path",
    ["/v1/predictions/%00", "/v1/predictions/" + "x" * 10_000, "/v1/predictions/%ff%fe", "/v1/versions/%2e%2e/%2e%2e",
     "/v1/jobs/%00", "/v1/jobs/'; DROP TABLE job; --", "/v1/predictions/helios/anomaly?limit=-1e999",
     "/v1/predictions/helios/anomaly?limit=%00"],
)  # fmt: skip
def test_strange_paths_lead_nowhere(everything: Any, path: str) -> None:
    answer = everything.get(path)

    assert answer.status_code in {400, 404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@of_every_way
def test_a_body_of_another_kind_is_told_so(name: str, everything: Any) -> None:
    way, client = WAYS[name], everything

    zipped = client.post(way.path, way.good(), **{"content-encoding": "gzip"})
    table = client.post(way.path, way.good(), **{"content-type": "text/csv"})

    assert (zipped.status_code, table.status_code) in {(415, 415), (415, 200), (200, 200)}
    if name != "batch":
        assert (zipped.status_code, table.status_code) == (415, 415)
    assert client.post(way.path, way.good(), **{"content-type": "application/x-www-form-urlencoded"}).status_code != 415
