import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError
from telltale.contract.schema import Column, EventSchema
from telltale.telemetry.forbidden import content_check, refuse_forbidden

SCHEMA = EventSchema(
    name="block",
    columns=(Column(name="size"), Column(name="code")),
    entity="user",
    forbidden=("payload", "code", "a.b"),
)


@given(
    name=st.sampled_from(["payload", "Payload", "PAYLOAD", " payload", "a.b"]),
    before=st.sampled_from(["", '"size": 1, ', '"x": {"y": [', '"text": "payload", ']),
    space=st.sampled_from(["", " ", "\n\t"]),
)
def test_a_forbidden_key_is_found_however_it_is_written_and_wherever_it_stands(
    name: str, before: str, space: str
) -> None:
    check = content_check([SCHEMA])
    assert check is not None

    with pytest.raises(SchemaError, match=r"(payload|a\.b)'\] could hold content"):
        check(f'{{{before}"{name}"{space}: 1'.encode())


@pytest.mark.parametrize(
    "body", [b"", b'{"size": 1, "code": 2}', b'{"text": "payload"}', b'{"payloads": 1, "a-b": 2}', b'["payload"]']
)
def test_values_and_declared_columns_are_no_content(body: bytes) -> None:
    check = content_check([SCHEMA])
    assert check is not None

    check(body)


@pytest.mark.parametrize("body", [b'{"p\\u0061yload": 1}', b'{"x": {"\\u0050AYLOAD": 1}}', b'[{"a.\\u0062": "t"}]'])
def test_a_forbidden_name_spelled_with_escapes_is_the_same_name(body: bytes) -> None:
    check = content_check([SCHEMA])
    assert check is not None

    with pytest.raises(SchemaError, match="could hold content"):
        check(body)


def test_where_nothing_is_forbidden_nothing_is_checked() -> None:
    assert content_check([EventSchema(name="open", columns=())]) is None
    assert content_check([]) is None


def test_names_of_columns_are_told_as_they_were_given() -> None:
    refuse_forbidden(SCHEMA, ["size", "code", "user"], where="file")

    with pytest.raises(SchemaError, match=r"file: columns \['PAYLOAD'\] could hold content"):
        refuse_forbidden(SCHEMA, ["size", "PAYLOAD"], where="file")
