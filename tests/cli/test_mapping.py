"""`--map`: rows in another's columns, checked, stored, trained and judged on, and scored."""

import csv
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command

from telltale.cli import main

MAPPING = """
[columns]
timestamp = { column = "polled_ms", time = "epoch_ms" }
device_id = "host"
bytes_in = "rx"
bytes_out = "tx"
packets_in = { column = "rx_kp", scale = 1000 }
packets_out = { sum = ["tx_u", "tx_m"] }
is_anomaly = { column = "what", values = { fine = 0, "*" = 1 } }
"""


def _write(path: Path, n: int, *, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["polled_ms", "host", "rx", "tx", "rx_kp", "tx_u", "tx_m", "what"])
        for at in range(n):
            is_flood = at % 20 == 0
            numbers = np.round(rng.lognormal(6 + 4 * is_flood, 0.2, 5), 3)
            rows.writerow(
                [1_704_067_200_000 + seed * 10**9 + 60_000 * at, "sw1", *numbers, "flood" if is_flood else "fine"]
            )


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(MAPPING)
    return path


def test_rows_of_a_mapped_file_are_checked_trained_and_judged_on_and_scored(
    in_home: Command, tmp_path: Path, mapping: Path
) -> None:
    _write(tmp_path / "old.csv", 600, seed=0)
    _write(tmp_path / "new.csv", 200, seed=1)
    map_it = ("--map", str(mapping))
    old, new = str(tmp_path / "old.csv"), str(tmp_path / "new.csv")

    status, document = in_home(tmp_path / "home", "validate", "eyenet/sample", old, *map_it)
    assert (status, document["accepted"]) == (0, 600)
    status, document = in_home(
        tmp_path / "home", "train", "eyenet/anomaly", "--estimator", "robust_z", "--data", old, *map_it
    )
    assert document["data_kind"] == "file"
    assert document["features"]
    status, document = in_home(tmp_path / "home", "evaluate", "eyenet/anomaly", "--data", new, *map_it)
    assert document["metrics"]["recall"] > 0.8
    output = str(tmp_path / "scores.csv")
    status, document = in_home(tmp_path / "home", "score", "eyenet/anomaly", "--data", new, "-o", output, *map_it)
    assert (status, document["n"]) == (0, 200)


def test_rows_of_an_address_are_mapped_and_stored(in_home: Command, tmp_path: Path, mapping: Path) -> None:
    _write(tmp_path / "rows.csv", 5, seed=0)
    body = (tmp_path / "rows.csv").read_bytes()

    class Rows(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Rows) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/rows"
        status, document = in_home(tmp_path / "home", "ingest", "eyenet/sample", url, "--map", str(mapping))

    assert (status, document["stored"], document["quarantined"]) == (0, 5, 0)


def test_a_mapping_without_rows_to_map_or_with_a_wrong_key_is_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[columns]\nbytes_in = { colum = 'rx' }\n")

    for arguments, says in (
        (["train", "eyenet/anomaly", "--map", str(wrong)], "Add --data FILE"),
        (["evaluate", "eyenet/anomaly", "--map", str(wrong)], "Add --data FILE"),
        (["validate", "eyenet/sample", str(wrong), "--map", str(wrong)], "columns.bytes_in"),
    ):
        assert main(arguments) == 2
        assert says in " ".join(capsys.readouterr().err.split()).replace("- ", "-")
