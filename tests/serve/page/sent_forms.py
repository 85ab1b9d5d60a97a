"""What a browser sends without being one: forms, and the session of whoever signed in."""

from typing import Any, Final
from urllib.parse import urlencode

import httpx

KEY: Final = "of the operator"
TASK: Final = "/ui/tasks/helios/anomaly"
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def roles(client: Any) -> list[str]:
    """What the versions do, the first first."""
    return [one["role"] for one in client.get("/v1/versions/helios/anomaly").json()]


def post(client: Any, path: str, form: dict[str, str] | None = None, **headers: str) -> httpx.Response:
    found: httpx.Response = client.request("POST", path, urlencode(form or {}).encode(), **FORM, **headers)
    return found


def signed_in(client: Any, key: str = KEY) -> dict[str, str]:
    """The header of a browser that signed in."""
    answer = post(client, "/ui/sign-in", {"key": key, "to": "/"})
    assert answer.status_code == 303, answer.text
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def token(client: Any, cookie: dict[str, str]) -> str:
    """What the forms of a session carry."""
    page = client.get(f"{TASK}/train", **cookie).text
    return str(page.split('name="token" value="')[1].partition('"')[0])
