"""Headers that tell a browser what it may do with an answer: pairs made once."""

from typing import Final

Pairs = tuple[tuple[str, str], ...]

# Granian names itself where nobody else does; it cannot be told to be silent.
HOT: Final[Pairs] = (("server", "telltale"), ("x-content-type-options", "nosniff"))
# Everything but the paths that programs call all day: these a person may open.
MANAGED: Final[Pairs] = (
    *HOT,
    ("cache-control", "no-store"),
    # The page of the documentation has its style inside it, and nothing else is ever loaded.
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)
# In place of that policy for what apps show to people: scripts, styles and pictures are files of this server, and no other
# is ever asked; nothing written into a page is run.
PAGE: Final[Pairs] = (
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
