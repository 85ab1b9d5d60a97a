"""An attack sent to a telltale that runs: real requests, on the loopback."""

import io
import json
from contextlib import redirect_stdout

import pytest

from telltale.apps.storefront import APP
from telltale.apps.storefront.schema import REQUEST
from telltale.cli import main
from telltale.contract.simulation import Simulation
from telltale.home.attack import attack_rows
from telltale.home.attack_against import attack_against
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings


@pytest.mark.server
def test_a_server_decides_as_its_version_does(settings: ServeSettings) -> None:
    frame = attack_rows(APP, "request", "brute_force", Simulation(n_rows=200))
    with start_background(settings) as server:
        told: list[tuple[int, int]] = []
        outcome = attack_against(
            server.url, REQUEST, "storefront/requests", frame, per_second=400.0, progress=lambda *at: told.append(at)
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TELLTALE_HOME", settings.home)
            shown = io.StringIO()
            with redirect_stdout(shown):
                asked = ["simulate", "storefront/request", "--attack", "brute-force", "--rows", "200", "--json"]
                status = main([*asked, "--against", server.url, "--rate", "400"])
                here = main(asked)

    against, local = (json.loads(line) for line in shown.getvalue().splitlines())
    assert (status, here) == (0, 0)
    assert told[-1] == (200, 200)
    assert outcome.attack_requests == 20
    assert outcome.detection_rate is not None
    assert outcome.detection_rate >= 0.5
    assert against["attack_requests_flagged"] == outcome.attack_requests_flagged
    for figure in ("incidents", "detection_rate", "delay_s", "false_alarms", "clean_clients_flagged"):
        assert against[figure] == local[figure], figure
    assert against["against"] == server.url
