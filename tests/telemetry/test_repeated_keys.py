import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.contract.errors import SchemaError, UsageError
from telltale.telemetry.repeated_keys import DEEPEST, refuse_repeated

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(value=VALUES, is_ascii=st.booleans())
def test_a_document_without_repeated_keys_passes_whatever_is_in_it(value: Any, *, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii).encode()

    refuse_repeated(text)
    refuse_repeated(text, msgspec.json.decode(text))


@given(inside=st.dictionaries(st.text(min_size=1, max_size=4), VALUES, min_size=1, max_size=4), data=st.data())
def test_a_repeated_key_is_found_wherever_it_is_and_however_it_is_spelled(
    inside: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(inside)))
    spelled = json.dumps(key, ensure_ascii=data.draw(st.booleans()))
    again = json.dumps(inside)[:-1] + f", {spelled}: {json.dumps(data.draw(VALUES))}}}"
    text = data.draw(st.sampled_from([again, f"[1, {again}]", f'{{"d": [{again}]}}']))

    with pytest.raises(SchemaError, match="is named twice"):
        refuse_repeated(text.encode())


def test_nesting_has_a_depth_and_broken_parts_that_nobody_reads_are_refused() -> None:
    refuse_repeated(b'{"a": ' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}")
    for text in (b"[" * (DEEPEST + 3) + b"]" * (DEEPEST + 3), b'{"a\xff": 1}', b'{"a": ' + b"9" * 5_000 + b"}"):
        with pytest.raises(UsageError, match=r"deeper|UTF-8|cannot be read"):
            refuse_repeated(text)
