from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.apps.personhood.chain.chopsticks import library

from telltale.apps.personhood.chain.codec import (
    FIELDS,
    Field,
    Pattern,
    Score,
    decode_features,
    encode_features,
    marked_texts,
    parse_fields,
    pattern_remark,
    read_pattern,
    read_score,
    score_remark,
)
from telltale.apps.personhood.schema import FIVE
from telltale.contract.errors import SchemaError, UsageError

scale, registry = library("scalecodec.base"), library("scalecodec.type_registry")

SEED_EXAMPLE = dict(zip(FIVE, (65, 120, 85, 3, 14), strict=True))
WIDTHS = ("u8", "u16", "u32", "u64", "u128")
DID, HASH = bytes(range(32)), bytes(range(32, 64))
TYPES = scale.RuntimeConfiguration()  # of the library that chains are read with
TYPES.update_type_registry(registry.load_type_registry_preset("legacy"))


def test_the_five_of_the_promise_are_these_bytes() -> None:
    assert encode_features(SEED_EXAMPLE).hex() == "41000000" + "78000000" + "55000000" + "03000000" + "0e000000"


@given(
    st.lists(st.sampled_from(WIDTHS), min_size=5, max_size=5).flatmap(
        lambda widths: st.tuples(
            st.just(widths), st.tuples(*(st.integers(0, 2 ** int(width[1:]) - 1) for width in widths))
        )
    )
)
def test_features_are_what_scale_makes_of_a_struct_and_come_back(case: tuple[list[str], tuple[int, ...]]) -> None:
    widths, numbers = case
    fields = tuple(Field(name, width) for name, width in zip(FIVE, widths, strict=True))
    values = dict(zip(FIVE, numbers, strict=True))

    data = encode_features(values, fields)

    as_tuple = TYPES.create_scale_object(f"({', '.join(widths)})", data=scale.ScaleBytes(data)).decode()
    assert as_tuple == numbers
    assert decode_features(data, fields) == values


@pytest.mark.parametrize("data", [b"", bytes(19), bytes(21), bytes(40)])
def test_features_of_another_length_are_refused_with_the_fields(data: bytes) -> None:
    with pytest.raises(SchemaError, match=rf"{len(data)} bytes, not 20.*typing_speed_wpm:u32"):
        decode_features(data)


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_number_that_does_not_fit_is_refused_with_the_range(number: int) -> None:
    with pytest.raises(SchemaError, match="typing_speed_wpm 0 to 4294967295"):
        encode_features(SEED_EXAMPLE | {"typing_speed_wpm": number})


def test_fields_are_configuration_in_any_order() -> None:
    text = ",".join(f"{name}:u16" for name in reversed(FIVE))

    assert parse_fields(text) == tuple(Field(name, "u16") for name in reversed(FIVE))
    assert parse_fields(",".join(f"{field.name}:{field.scale}" for field in FIELDS)) == FIELDS


@pytest.mark.parametrize("text", ["", "typing_speed_wpm:u32", ",".join(f"{name}:f32" for name in FIVE)])
def test_fields_that_are_not_the_five_numbers_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--fields"):
        parse_fields(text)


def test_the_same_numbers_are_the_same_pattern_whoever_has_them() -> None:
    features = encode_features(SEED_EXAMPLE)

    assert Pattern(did=DID, features=features).pattern_hash == Pattern(did=HASH, features=features).pattern_hash
    other = encode_features(SEED_EXAMPLE | {"typing_speed_wpm": 66})
    assert Pattern(did=DID, features=other).pattern_hash != Pattern(did=DID, features=features).pattern_hash


def test_remarks_come_back() -> None:
    pattern = Pattern(did=DID, features=encode_features(SEED_EXAMPLE))
    score = Score(did=DID, pattern_hash=HASH, value=100)

    assert read_pattern(pattern_remark(pattern)) == pattern
    assert read_score(score_remark(score)) == score
    assert read_score(score_remark(score)[:-1] + b"\x65") is None
    assert read_score(score_remark(score) + b"\x00") is None


@pytest.mark.parametrize("cut", [-1, 18, 40])
def test_a_remark_that_is_cut_is_refused(cut: int) -> None:
    remark = pattern_remark(Pattern(did=DID, features=encode_features(SEED_EXAMPLE)))

    with pytest.raises(SchemaError, match="bytes after the mark, not 52"):
        read_pattern(remark[:cut])


@given(st.binary(max_size=40), st.binary(max_size=20_000), st.binary(max_size=40))
def test_a_marked_text_is_found_in_an_extrinsic_whatever_stands_around_it(
    before: bytes, body: bytes, after: bytes
) -> None:
    text = b"telltale/" + body
    written = bytes(TYPES.create_scale_object("Bytes").encode(text).data)

    assert text in set(marked_texts(before + written + after))


def test_the_bytes_in_the_docs_are_these() -> None:
    page = (Path(__file__).parents[4] / "docs/chain.md").read_text(encoding="utf-8")
    features = encode_features(SEED_EXAMPLE)

    assert f"`0x{features.hex()}`" in page
    assert f"`0x{Pattern(did=DID, features=features).pattern_hash.hex()}`" in page
