"""What clients send that no server should take, as data: each way in, and each thing that may stand where."""

import json
from collections.abc import Iterator
from typing import NamedTuple

HELIOS = (
    '{"timestamp": %TIME%, "service": %ENTITY%, "event_count": %NUMBER%, "error_rate": 0.01, "p50_latency_ms": 42.5,'
    ' "p95_latency_ms": 100.25, "p99_latency_ms": 130.75%MORE%}'
)
PREDICT = "/v1/helios/anomaly/predict"


class Way(NamedTuple):
    """A path that takes JSON: a body with places for a number, an entity, a time, and further keys.

    `number`, `entity` and `time` are the names to be told where they are wrong; "" where there is no such place.
    """

    path: str
    body: str
    number: str = ""
    entity: str = ""
    time: str = ""
    app: str = "helios"
    usual: str = '"checkout"'
    n: str = "1000"

    def good(self, **changes: str) -> bytes:
        return self.text(**changes).encode("utf-8", "surrogatepass")

    def text(self, **changes: str) -> str:
        text = self.body
        for place, usual in (
            ("NUMBER", self.n),
            ("ENTITY", self.usual),
            ("TIME", '"2024-01-03T14:30:00Z"'),
            ("MORE", ""),
        ):
            text = text.replace(f"%{place}%", changes.get(place.lower(), usual))
        return text


WAYS = {
    "row": Way(PREDICT, HELIOS, "event_count", "service", "timestamp"),
    "window": Way(PREDICT, '{"rows": [' + HELIOS + "]}", "event_count", "service", "timestamp"),
    "entity": Way(PREDICT, '{"service": %ENTITY%%MORE%}', "", "service"),
    "batch": Way(f"{PREDICT}:batch", HELIOS, "event_count", "service", "timestamp"),
    "event": Way("/v1/helios/events/metrics", HELIOS, "event_count", "service", "timestamp"),
    "events": Way("/v1/helios/events/metrics", "[" + HELIOS + "]", "event_count", "service", "timestamp"),
    "event lines": Way("/v1/helios/events/metrics", HELIOS + "\n" + HELIOS, "event_count", "service", "timestamp"),
    "feedback": Way(
        "/v1/feedback",
        '{"app": "helios", "task": "anomaly", "entity": %ENTITY%, "from": %TIME%, "to": "2030-01-03T14:30:00Z", "label": 1%MORE%}',
        "", "entity", "from",
    ),
    "promote": Way("/v1/versions/helios/anomaly/promote", '{"version": 1, "reason": %ENTITY%, "override": true%MORE%}', "", "reason"),
    "job": Way("/v1/jobs", '{"app": "helios", "task": "anomaly", "reason": %ENTITY%%MORE%}', "", "reason"),
    "ranking": Way("/v1/shop/next/predict", '{"user_id": %ENTITY%, "top_k": %NUMBER%%MORE%}', "top_k", "user_id", app="shop"),
    "series": Way("/v1/shop/trend/predict", '{"series": %ENTITY%, "horizon": %NUMBER%%MORE%}', "horizon", "series", app="shop", usual='"north"', n="7"),
    "app route": Way("/recommend", '{"user_id": %ENTITY%, "top_k": %NUMBER%%MORE%}', "top_k", "user_id", app="shop"),
    "sparse row": Way("/v1/shop/alarm/predict", '{"timestamp": %TIME%, "device": %ENTITY%, "load": %NUMBER%%MORE%}', "load", "device", "timestamp", app="shop"),
}  # fmt: skip

NUMBERS = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e999": "1e999",
    "-1e999": "-1e999",
    "10^400": "1" + "0" * 400,
    "-10^400": "-1" + "0" * 400,
    "a number as text": '"3"',
    "true": "true",
    "a list": "[]",
    "an object": "{}",
    "text": '"many"',
    "hexadecimal": "0x10",
    "a leading zero": "01",
    "a bare point": ".5",
    "an open point": "1.",
    "a plus": "+1",
}
ENTITIES = {
    "half a surrogate pair": '"\\ud800"',
    "the other half": '"\\udc00x"',
    "a NUL": '"a\\u0000b"',
    "a bare NUL": '"a\x00b"',
    "a bare control character": '"a\x01b"',
    "513 characters": '"' + "x" * 513 + '"',
    "500,000 characters": '"' + "x" * 500_000 + '"',
    "true": "true",
    "a list": "[]",
    "an object": "{}",
    "a fraction": "1.5",
    "10^600": "1" + "0" * 600,
}
TIMES = {
    "year 10000": '"10000-01-01T00:00:00Z"',
    "year 9999 beyond UTC": '"9999-12-31T23:59:59-23:00"',
    "year 1 before UTC": '"0001-01-01T00:00:00+23:00"',
    "year 0": '"0000-01-01T00:00:00Z"',
    "milliseconds": "1704067200000",
    "milliseconds as text": '"1704067200000"',
    "soon": '"soon"',
    "empty": '""',
    "true": "true",
    "a list": "[]",
    "NaN": "NaN",
    "nan as text": '"nan"',
    "1e999": "1e999",
    "long before the calendar": "-1e12",
    "month 13": '"2024-13-01T00:00:00Z"',
    "second 61": '"2024-01-01T00:00:61Z"',
}
WHOLE = {
    "nothing": b"",
    "blank": b" \n ",
    "null": b"null",
    "a number": b"5",
    "text": b'"x"',
    "a bracket": b"{",
    "only brackets": b"{}",
    "a list of nothing": b"[]",
    "NULs": b"\x00" * 100,
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00",
    "100 brackets": b"[" * 100 + b"]" * 100,
    "1,000 brackets": b"[" * 1_000 + b"]" * 1_000,
    "100,000 brackets": b"[" * 100_000 + b"]" * 100_000,
    "900,000 brackets that stay open": b"[" * 900_000,
    "100,000 objects in each other": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "300,000 tiny rows": b"[" + b"{}," * 300_000 + b"{}]",
    "300,000 tiny rows of a window": b'{"rows": [' + b"{}," * 300_000 + b"{}]}",
}


def wholes(way: Way) -> Iterator[tuple[str, bytes]]:
    """Bodies of a way that are wrong as a whole."""
    yield from WHOLE.items()
    text, good = way.text(), way.good()
    first = next(iter(json.loads(text.split("\n")[0] if "\n" in text else text.strip("[]"))), "")
    yield "UTF-16", text.encode("utf-16")
    yield "UTF-16 without a mark", text.encode("utf-16-le")
    yield "UTF-32", text.encode("utf-32")
    yield "latin-1", way.text(entity='"caf\xe9"').encode("latin-1")
    yield "overlong", good.replace(b"ch", b"\xc0\xaf").replace(b"nor", b"\xc0\xaf")
    yield "a surrogate as bytes", good.replace(b"ch", b"\xed\xa0\x80").replace(b"nor", b"\xed\xa0\x80")
    yield "cut in the middle", good[: len(good) // 2]
    yield "cut before the end", good[:-1]
    yield "more after the end", good + b"}"
    yield "two documents", good + good
    yield "a comma too many", good.replace(b"}", b",}")
    yield "quotes of another kind", good.replace(b'"', b"'")
    yield "a comment", b"/* */" + good
    yield "deep under an unknown key", way.good(more=f', "deep": {"[" * 100_000}{"]" * 100_000}')
    # Found by fuzzing: a decoder of structs passes over what it does not know, and what is broken in it.
    yield "a broken byte in an unknown key", good.replace(b'{"', b'{"mo\xffre": 1, "')
    yield "5,000 digits under an unknown key", good.replace(b'{"', b'{"more": ' + b"9" * 5_000 + b', "')
    if first:
        yield "a known key twice", good.replace(b'{"', b'{"' + first.encode() + b'": null, "', 1)
