"""Bodies of queries whose fields hold several things."""

import pytest

from telltale.contract.errors import SchemaError
from telltale.contract.query import RankQuery
from telltale.contract.schema import Column, EventSchema
from telltale.serve.predict.query_bodies import QueryReader, QueryWords

TAKEN = EventSchema(name="taken", columns=(Column(name="item", dtype="str"),), entity="user_id")


@pytest.fixture
def reader() -> QueryReader:
    return QueryReader(TAKEN, RankQuery, QueryWords())


def test_what_is_wanted_is_one_value_or_several_texts_or_numbers(reader: QueryReader) -> None:
    found = reader.read(b'{"user_id": 7, "filters": {"size": 5, "tag": ["a", 1], "none": []}, "diversity": 1}')

    assert found == RankQuery(entity="7", filters={"size": ("5",), "tag": ("a", "1"), "none": ()}, diversity=1.0)
    assert reader.read(b"{}") == RankQuery()


@pytest.mark.parametrize("filters", [b"[]", b'{"size": null}', b'{"size": {"a": 1}}', b'{"size": [[1]]}'])
def test_what_is_no_value_is_refused_by_its_place(reader: QueryReader, filters: bytes) -> None:
    with pytest.raises(SchemaError, match=r"request body, filters"):
        reader.read(b'{"filters": ' + filters + b"}")
