"""Every operation of the OpenAPI document of a server with all apps, asked rightly and wrongly by schemathesis.

`TELLTALE_EXAMPLES` sets how many examples each operation gets of each (`make fuzz` sets many).
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from telltale.cli.serving import serve_settings
from telltale.home.settings import read_settings
from telltale.serve.server import start_background

pytestmark = [pytest.mark.slow, pytest.mark.server]
N_EXAMPLES = int(os.environ.get("TELLTALE_EXAMPLES", "2"))
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def url(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    values = {**read_settings(own_home), "TELLTALE_HOME": str(own_home), "MODEL_DIR": ""}
    with (tmp_path_factory.mktemp("log") / "log").open("wb") as log:
        with start_background(serve_settings(values), log_to=log) as running:
            yield running.url
        told = Path(log.name).read_text(encoding="utf-8")
    assert "request_broke" not in told, told[:5_000]


@pytest.fixture(scope="module")
def document(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/docs/openapi.json").json()
    return found


def test_every_operation_has_a_name_a_tag_and_its_refusals(document: dict[str, Any]) -> None:
    operations = [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]

    names = [operation["operationId"] for _, operation in operations]
    assert len(names) == len(set(names)) > 50
    tags = {tag["name"] for tag in document["tags"]}
    for path, operation in operations:
        assert set(operation["tags"]) <= tags, path
        assert operation["summary"], path
        if "requestBody" in operation:
            assert {"400", "401", "403", "408", "413", "415", "422", "429", "503"} <= operation["responses"].keys(), (
                path
            )
    assert {"bearer", "key"} == document["components"]["securitySchemes"].keys()


def test_whatever_is_asked_is_answered_as_the_document_says(url: str, document: dict[str, Any]) -> None:
    load_all_checks()
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(found) == sum(map(len, document["paths"].values())) > 50

    faults = [fault for operation in found for fault in _faults(operation, url)]

    assert not faults, "\n\n".join(faults)


@schemathesis.serializer("application/x-ndjson")
def _one_line(_ctx: Any, value: Any) -> bytes:
    """What is generated for a batch is one of its lines."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@schemathesis.serializer("application/vnd.apache.arrow.stream")
def _as_bytes(_ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _faults(operation: Any, url: str) -> list[str]:
    """What schemathesis found wrong with one operation, one text for each kind of data."""
    faults = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @seed(20_241_201)
        @settings(
            max_examples=N_EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=url, checks=CHECKS, timeout=10)

        try:
            ask()
        except Unsatisfiable:  # nothing can be wrong with an operation that takes nothing
            continue
        except (BaseExceptionGroup, AssertionError, httpx.HTTPError, OSError) as error:
            # Told at the end, so that one fault hides no other.
            inner = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
            told = "\n".join(f"{type(one).__name__}: {one}"[:700] for one in inner)
            faults.append(f"{operation.method.upper()} {operation.path} ({mode.value})\n{told}\n{str(error)[-300:]}")
    return faults
