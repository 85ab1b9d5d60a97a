"""Paths with parts in braces: which requests they match, and which two could be meant at once."""

import re
from collections.abc import Callable, Iterable

from telltale.contract.errors import UsageError

_PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|[A-Za-z0-9._~:@-]+")


def check_path(path: str, *, where: str) -> tuple[str, ...]:
    """The names in braces of a path.

    Raises:
        UsageError: it is no path that can be served.

    >>> check_path("/models/{model_type}/best", where="shop")
    ('model_type',)
    """
    parts = path.split("/")[1:]
    found = [_PART.fullmatch(part) for part in parts]
    names = tuple(match.group(1) for match in found if match is not None and match.group(1))
    if not path.startswith("/") or not parts or None in found or len(set(names)) < len(names):
        raise UsageError(
            f"{path!r} is no path",
            where=where,
            mend="Begin with a slash; then parts without spaces, a whole part in braces standing for any: /a/{name}.",
        )
    return names


def could_be_one(one: str, other: str) -> bool:
    """Whether some request could mean either path.

    >>> could_be_one("/jobs/{id}", "/jobs/all"), could_be_one("/jobs/{id}", "/jobs")
    (True, False)
    """
    ones, others = one.split("/"), other.split("/")
    return len(ones) == len(others) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(ones, others, strict=True)
    )


def matcher(paths: Iterable[str]) -> Callable[[str], bool]:
    """Says of a request's path whether it is one of these.

    >>> is_open = matcher(["/jobs/{id}"])
    >>> is_open("/jobs/7"), is_open("/jobs/7/stop")
    (True, False)
    """
    wanted = [
        "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/")) for path in paths
    ]
    if not wanted:
        return lambda _path: False
    compiled = re.compile("|".join(f"(?:{one})" for one in wanted))
    return lambda path: compiled.fullmatch(path) is not None
