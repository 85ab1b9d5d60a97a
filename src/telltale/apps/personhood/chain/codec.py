"""The bytes on the chain: five whole numbers of a session, and two remarks that carry a pattern and a score.

SCALE writes a struct of fixed-width numbers as the numbers themselves, little-endian, one after the other.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from telltale.apps.personhood.schema import FIVE
from telltale.contract.errors import SchemaError, UsageError

DID_BYTES: Final = 32
HASH_BYTES: Final = 32
MARK: Final = b"telltale/"  # what a block is searched for before anything in it is decoded
PATTERN_MARK: Final = b"telltale/pattern/1"
SCORE_MARK: Final = b"telltale/score/1"
_COMPACT: Final = ((1, 0), (2, 1), (4, 2))  # SCALE's lengths: bytes, and what the lowest two bits say
_WIDTHS: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16}


class Field(msgspec.Struct, frozen=True):
    """One number of a pattern: its name as `/predict` asks for it, and its SCALE type."""

    name: str
    scale: str

    @property
    def width(self) -> int:
        """Bytes."""
        return _WIDTHS[self.scale]


FIELDS: Final = tuple(Field(name, "u32") for name in FIVE)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a score: whose it is, and the five numbers as they stand on the chain.

    Args:
        did: 32 bytes.
        features: SCALE.
    """

    did: bytes
    features: bytes

    @property
    def pattern_hash(self) -> bytes:
        """BLAKE2b-256 of the features: the same numbers are the same pattern."""
        return blake2_256(self.features)


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A score as it stands on the chain, 0 to 100."""

    did: bytes
    pattern_hash: bytes
    value: int


def blake2_256(data: bytes) -> bytes:
    """The hash that FRAME uses for extrinsics and remarks."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def parse_fields(text: str) -> tuple[Field, ...]:
    """Fields from `name:type,name:type`, in the order in which the chain writes them.

    Raises:
        UsageError: a type is not a fixed-width number, or the names are not the five.

    >>> parse_fields("a:u8")
    Traceback (most recent call last):
    telltale.contract.errors.UsageError: --fields: ['a'] are not the five of a session. Name each of ... once.
    """
    pairs = [part.strip().partition(":") for part in text.split(",")]
    for name, _, scale in pairs:
        if scale not in _WIDTHS:
            raise UsageError.not_one_of(scale, _WIDTHS, where=f"--fields: type of {name or 'a field'}")
    names = [name for name, _, _ in pairs]
    if sorted(names) != sorted(FIVE):
        raise UsageError(
            f"{names} are not the five of a session", where="--fields", mend=f"Name each of {', '.join(FIVE)} once."
        )
    return tuple(Field(name, scale) for name, _, scale in pairs)


def n_feature_bytes(fields: tuple[Field, ...]) -> int:
    """How long the features of a pattern are."""
    return sum(field.width for field in fields)


def encode_features(values: Mapping[str, int], fields: tuple[Field, ...] = FIELDS) -> bytes:
    """The five as SCALE.

    Raises:
        SchemaError: a number is missing, negative or too large for its type.

    >>> encode_features(dict.fromkeys(FIVE, 3)).hex()
    '0300000003000000030000000300000003000000'
    """
    missing = [field.name for field in fields if field.name not in values]
    if missing:
        raise SchemaError.missing(missing, values, where="pattern")
    try:
        return b"".join(values[field.name].to_bytes(field.width, "little") for field in fields)
    except OverflowError:
        allowed = ", ".join(f"{field.name} 0 to {256**field.width - 1}" for field in fields)
        raise SchemaError(f"{dict(values)} do not fit", where="pattern", mend=f"Allowed: {allowed}.") from None


def decode_features(data: bytes, fields: tuple[Field, ...] = FIELDS) -> dict[str, int]:
    """The five from SCALE.

    Raises:
        SchemaError: the bytes are too few or too many.
    """
    wanted = n_feature_bytes(fields)
    if len(data) != wanted:
        raise SchemaError(
            f"the features are {len(data)} bytes, not {wanted}",
            where="pattern",
            mend=f"They are {', '.join(f'{field.name}:{field.scale}' for field in fields)}, little-endian.",
        )
    values, at = {}, 0
    for field in fields:
        values[field.name] = int.from_bytes(data[at : at + field.width], "little")
        at += field.width
    return values


def compact_length(length: int) -> bytes:
    """A length below 2**30 as SCALE writes it before a `Vec`.

    >>> compact_length(20).hex(), compact_length(80).hex()
    ('50', '4101')
    """
    width, mode = next((width, mode) for width, mode in _COMPACT if length < 1 << (8 * width - 2))
    return (length << 2 | mode).to_bytes(width, "little")


def pattern_remark(pattern: Pattern) -> bytes:
    """`telltale/pattern/1`, 32 bytes of DID, the features."""
    return PATTERN_MARK + pattern.did + pattern.features


def score_remark(score: Score) -> bytes:
    """`telltale/score/1`, 32 bytes of DID, 32 bytes of pattern hash, one byte."""
    return SCORE_MARK + score.did + score.pattern_hash + bytes([score.value])


def read_pattern(remark: bytes, fields: tuple[Field, ...] = FIELDS) -> Pattern:
    """A pattern from its remark.

    Raises:
        SchemaError: after the mark it is too short or too long.
    """
    body = remark.removeprefix(PATTERN_MARK)
    wanted = DID_BYTES + n_feature_bytes(fields)
    if len(body) != wanted:
        raise SchemaError(
            f"there are {len(body)} bytes after the mark, not {wanted}",
            where="pattern",
            mend=f"Write {PATTERN_MARK.decode()}, {DID_BYTES} bytes of DID and {wanted - DID_BYTES} of features.",
        )
    return Pattern(did=body[:DID_BYTES], features=body[DID_BYTES:])


def read_score(remark: bytes) -> Score | None:
    """A score from its remark; None where it is none."""
    body = remark.removeprefix(SCORE_MARK)
    if len(body) != DID_BYTES + HASH_BYTES + 1 or body[-1] > 100:
        return None
    return Score(did=body[:DID_BYTES], pattern_hash=body[DID_BYTES:-1], value=body[-1])


def marked_texts(extrinsic: bytes) -> Iterator[bytes]:
    """What may be a remark of ours in the bytes of an extrinsic, however deep in calls within calls it stands.

    A `Vec<u8>` stands after its own length, in one of SCALE's compact forms; each form that fits is a candidate, and the
    hash in the event of the remark says which of them it is.

    >>> list(marked_texts(b"??" + bytes([10 << 2]) + b"telltale/!"))
    [b'telltale/!']
    """
    at = extrinsic.find(MARK)
    while at >= 0:
        for width, mode in _COMPACT:
            if at < width:
                continue
            written = int.from_bytes(extrinsic[at - width : at], "little")
            length = written >> 2
            if written & 3 == mode and len(MARK) <= length <= len(extrinsic) - at:
                yield extrinsic[at : at + length]
        at = extrinsic.find(MARK, at + 1)
