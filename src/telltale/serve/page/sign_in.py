"""The page at which a browser gives a key once, and what is told to whoever may not see a page, or asked for one in vain."""

from telltale.serve.guard.page_paths import SIGN_IN
from telltale.serve.http.problems import Problem
from telltale.serve.page.elements import NOTHING, Html, joined, link, tag


def sign_in_page(to: str, problem: Problem | None = None) -> Html:
    """The form; with what was wrong with the last key.

    Args:
        to: the path of the page that was asked for.
        problem: of the try before, or None.
    """
    field = tag(
        "input", type="password", name="key", id="key", required=True, autofocus=True, autocomplete="current-password",
        spellcheck="false", aria_describedby="key-about",
    )  # fmt: skip
    about = "The operator's key, or one made with telltale keys create. This browser keeps a session of twelve hours, never the key."
    return joined(
        problem_part(problem) if problem is not None else NOTHING,
        tag(
            "form",
            tag("input", type="hidden", name="to", value=to),
            tag("label", "Key", for_="key"),
            field,
            tag("p", about, id="key-about", class_="quiet"),
            tag("button", "Sign in", type="submit"),
            method="post",
            action=SIGN_IN,
            class_="form",
        ),
        tag(
            "p",
            "Signed in already, and come by a link from elsewhere? ",
            link("Go on to the page", to),
            ".",
            class_="quiet",
        ),
    )


def problem_part(problem: Problem) -> Html:
    """What was wrong, where, and the mend."""
    where = joined(tag("span", problem.where, class_="quiet"), ": ") if problem.where else NOTHING
    told = tag("p", where, f"{problem.detail}.")
    return tag("div", tag("strong", problem.title), told, tag("p", problem.mend), class_="problem", role="alert")
