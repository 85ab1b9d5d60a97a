"""Which paths are pages for people: a browser that signed in opens these with its cookie, and no other path."""

from typing import Final

FOLDER: Final = "/ui"
SIGN_IN: Final = f"{FOLDER}/sign-in"
SIGN_OUT: Final = f"{FOLDER}/sign-out"
STYLE: Final = f"{FOLDER}/style.css"
ICON: Final = f"{FOLDER}/icon.svg"
DASHBOARD: Final = "/dashboard"
# Whoever comes to sign in has no key yet.
OPEN: Final = frozenset({SIGN_IN, SIGN_OUT, STYLE, ICON})


def is_page(path: str) -> bool:
    """Whether a path is a page.

    >>> [is_page(path) for path in ("/", "/ui", "/ui/alarms", "/dashboard", "/uis", "/v1/alarms")]
    [True, True, True, True, False, False]
    """
    return path in {"/", FOLDER, DASHBOARD} or path.startswith(f"{FOLDER}/")
