"""Sessions over several processes: whichever answers knows who signed in."""

import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from telltale.registry.api_keys import create_key
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder

pytestmark = [pytest.mark.server, pytest.mark.slow]
_ASKED: Final = 24


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: what is said of the first address counts."""

    def redirect_request(self, *_args: object) -> None:
        """No further request."""


def test_every_worker_knows_who_signed_in_though_no_operator_key_is_set(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "home")
    key = create_key(folder.state, "people", ["read"], actor="test", now=datetime.now(UTC)).secret
    folder.close()
    settings = ServeSettings(home=str(tmp_path / "home"), apps=("telltale.apps.helios:APP",))
    opener = urllib.request.build_opener(_Stay())
    with start_background(settings, workers=2) as server:
        form = urllib.parse.urlencode({"key": key, "to": "/"}).encode()
        with pytest.raises(urllib.error.HTTPError) as signed_in:
            opener.open(f"{server.url}/ui/sign-in", form, timeout=10)
        cookie = signed_in.value.headers["set-cookie"].partition(";")[0]
        signed_in.value.close()

        statuses = []
        for _ in range(_ASKED):  # each by a connection of its own, which the kernel hands to either
            request = urllib.request.Request(f"{server.url}/", headers={"cookie": cookie})  # noqa: S310 - our own address
            with opener.open(request, timeout=10) as answer:
                statuses.append(answer.status)

    assert signed_in.value.code == 303
    assert statuses == [200] * _ASKED
