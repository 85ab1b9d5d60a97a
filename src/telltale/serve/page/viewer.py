"""Who looks at a page, and what they may do."""

from collections.abc import Mapping

import msgspec

from telltale.contract.errors import ForbiddenError
from telltale.serve.guard.caller import Caller
from telltale.serve.page.elements import Html, tag


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever asked for a page.

    Args:
        caller: who it is.
        is_open: whether the server asks for no key.
        form_token: what each of their forms must carry; "" where they did not sign in by a browser.
    """

    caller: Caller
    is_open: bool
    form_token: str = ""

    @property
    def can_operate(self) -> bool:
        """Whether buttons are shown; the API asks again."""
        return "operate" in self.caller.scopes

    @property
    def is_signed_in(self) -> bool:
        """Whether they can sign out."""
        return bool(self.form_token)

    def token_field(self) -> Html:
        """What a form of theirs carries."""
        return tag("input", type="hidden", name="token", value=self.form_token) if self.form_token else Html("")

    def check_form(self, form: Mapping[str, str]) -> None:
        """Raise ForbiddenError where a form is not one of theirs."""
        if form.get("token", "") != self.form_token:
            raise ForbiddenError(
                "this form is not from a page of this session",
                where="form",
                mend="Go back, open the page anew, and try again.",
            )
