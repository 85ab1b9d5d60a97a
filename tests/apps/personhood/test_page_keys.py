"""The page on a server that asks for a key."""

from collections.abc import Iterator

import pytest
from tests.apps.personhood.chromium import Page, open_browser

from telltale.apps.personhood.page import PATH
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings

pytestmark = [pytest.mark.server, pytest.mark.slow]
OPERATOR_KEY = "not-to-be-kept-7f3a"


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    scratch = tmp_path_factory.mktemp("keys")
    (scratch / "home").mkdir()
    settings = ServeSettings(
        home=str(scratch / "home"), apps=("telltale.apps.personhood:APP",), operator_key=OPERATOR_KEY
    )
    with start_background(settings) as server, open_browser(scratch / "browser") as open_tab:
        page = open_tab()
        page.open(server.url + PATH)
        yield page


def test_a_key_is_asked_for_only_where_the_server_does_and_then_goes_with_every_question(page: Page) -> None:
    assert page.ask("document.getElementById('access').hidden")
    page.press("Tab")
    page.write("pat")
    page.press("Enter")
    page.wait_for("!document.getElementById('access').hidden && !document.getElementById('problem').hidden")
    assert "key" in page.text("#problem")
    assert page.ask("document.activeElement.id") == "secret"

    page.write("wrong")
    page.press("Enter")
    page.wait_for("document.getElementById('secret').value === '' && !document.getElementById('done').disabled")
    assert not page.ask("document.getElementById('access').hidden")
    assert page.ask("document.getElementById('typing').hidden")

    page.write(OPERATOR_KEY)
    page.press("Enter")
    page.wait_for("document.activeElement.id === 'field'")

    assert page.ask("document.getElementById('access').hidden && document.getElementById('problem').hidden")
    asked = [told for told in page.requests if "/v1/" in told["url"]]
    assert [told["headers"].get("x-api-key", "") for told in asked] == ["", "wrong", OPERATOR_KEY]
    assert page.ask("JSON.stringify([localStorage, sessionStorage, document.cookie])") == '[{},{},""]'
    assert OPERATOR_KEY not in page.ask(
        "document.documentElement.outerHTML + [...document.querySelectorAll('input')].map(i => i.value)"
    )
