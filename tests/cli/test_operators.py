"""`telltale keys` and `telltale audit`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main
from telltale.cli.serving import rate_limit, serve_settings
from telltale.cli.versions import actor_name
from telltale.contract.errors import UsageError
from telltale.home.settings import read_settings

Command = Callable[..., tuple[int, dict[str, Any]]]


def test_keys_are_made_listed_and_revoked_and_the_audit_says_by_whom(in_home: Command, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        return in_home(tmp_path, *arguments)

    both = ("--scope", "predict", "--scope", "ingest")
    status, made = run("keys", "create", "--name", "shop", *both, "--rate", "50")
    assert status == 0
    assert made["secret"].startswith(f"tt_{made['key']['id']}_")
    assert (made["key"]["scopes"], made["key"]["rate"], made["key"]["actor"]) == (
        ["predict", "ingest"],
        50,
        actor_name(),
    )
    assert run("keys", "list") == (0, {"keys": [made["key"]]})

    assert run("keys", "create", "--name", "shop", "--scope", "read")[0] == 2
    assert run("keys", "create", "--name", "other", "--scope", "write")[1]["error"]["what"] == "'write' is not known"
    assert run("keys", "revoke", made["secret"])[0] == 2
    assert run("keys", "revoke", "shop")[1]["key"]["revoked_at"]
    assert run("promote", "helios/anomaly")[0] == 2

    acts = run("audit")[1]["acts"]
    assert [(act["action"], act["subject"], act["status"]) for act in acts] == [
        ("telltale promote", "helios/anomaly", 404),
        ("telltale keys revoke", "shop", 200),
        ("telltale keys revoke", f"tt_{made['key']['id']}…", 400),
        ("telltale keys create", "other", 400),
        ("telltale keys create", "shop", 409),
        ("telltale keys create", "shop", 200),
    ]
    assert {act["actor"] for act in acts} == {actor_name()}
    assert made["secret"] not in json.dumps(run("audit", "--limit", "9")[1]) + json.dumps(run("keys", "list")[1])


def test_people_are_told_the_key_once_and_what_it_changes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path))
    assert main(["keys", "create", "--name", "ops", "--scope", "operate"]) == 0
    told = capsys.readouterr().out
    assert told.count("tt_") == 2
    assert "a server of this home asks for a key" in told

    assert main(["keys", "revoke", "ops"]) == 0
    assert "Servers go on asking for keys" in capsys.readouterr().out
    for command in (["keys", "list"], ["audit"]):
        assert main(command) == 0
        assert "ops" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_rate_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="RATE_LIMIT"):
        rate_limit({"RATE_LIMIT": value})


def test_the_rate_reaches_the_server(tmp_path: Path) -> None:
    values = read_settings(tmp_path, {"RATE_LIMIT": "2.5"})

    assert serve_settings(values).rate_limit == 2.5
    assert serve_settings(read_settings(tmp_path, {})).rate_limit == 0
