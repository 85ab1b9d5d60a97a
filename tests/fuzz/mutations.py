"""Bodies made wrong by the byte: seeded, so that a case is found again by its number."""

import random
from collections.abc import Callable, Sequence
from typing import Final

# What has meant something to some decoder: put in anywhere, it makes more of a body than a flipped bit does.
TOKENS: Final[tuple[bytes, ...]] = (
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"1" + b"0" * 400, b"9" * 5_000, b"18446744073709551616", b"null", b"true",
    b'""', b"{}", b"[]", b"[" * 300, b'{"a":' * 300, b'"\\ud800"', b'"\\u0000"', b"\\u0061", b"\\", b'"', b"\x00",
    b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b",", b":", b"\n", b"\r\n", b"\n\n", b" " * 200,
    b'"rows":', b'"explain":', b'"timestamp":', b'"entity":', b'"label":', b'"2024-01-03T14:30:00Z"', b'"9999-12-31T23:59:59-23:00"',
    b'"0001-01-01T00:00:00+23:00"', b"1704067200000", b"-1e12", b"1e308", b"5e-324", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00",
    b"\xff\xff\xff\x7f", b"ARROW1\x00\x00",
)  # fmt: skip


def mutated(body: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """The body with one to four things wrong with it."""
    found = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_WAYS)(found, others, rng)
    return bytes(found)


def _span(body: bytearray, rng: random.Random, longest: int = 40) -> tuple[int, int]:
    start = rng.randrange(len(body) + 1)
    return start, min(len(body), start + rng.randint(1, longest))


def _flip(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    if body:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def _set(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    if body:
        body[rng.randrange(len(body))] = rng.randrange(256)


def _cut(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    start, end = _span(body, rng)
    del body[start:end]


def _cut_off(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    del body[rng.randrange(len(body) + 1) :]


def _repeat(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    start, end = _span(body, rng)
    body[end:end] = body[start:end] * rng.choice((1, 1, 2, 20))


def _insert(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = rng.choice(TOKENS)


def _replace(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    start, end = _span(body, rng, 12)
    body[start:end] = rng.choice(TOKENS)


def _replace_value(body: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A whole value, so that what comes out is mostly JSON."""
    colons = [at for at, byte in enumerate(body) if byte == ord(":")]
    if colons:
        start = rng.choice(colons) + 1
        ends = [at for at in (body.find(b",", start), body.find(b"}", start)) if at >= 0]
        body[start : min(ends, default=len(body))] = rng.choice(TOKENS)


def _splice(body: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    other = rng.choice(others)
    at, start = rng.randrange(len(body) + 1), rng.randrange(len(other) + 1)
    body[at : at + rng.choice((0, 20, len(body)))] = other[start : start + rng.choice((20, len(other)))]


_WAYS: Final[tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...]] = (
    _flip, _set, _cut, _cut_off, _repeat, _insert, _replace, _replace_value, _replace_value, _splice,
)  # fmt: skip
