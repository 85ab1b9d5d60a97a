"""What a search may try for a parameter, as people write it."""

import re
from typing import Final

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Parameter

_NAMED: Final = re.compile(r"(\w+)=(.+)")
_RANGE: Final = re.compile(r"(.+?)\.\.(.+?)(:log)?")


def read_choice(text: str) -> tuple[str, Choice]:
    """A parameter's name and what may be tried for it.

    Raises:
        UsageError: it is neither a range nor a list.

    >>> read_choice("learning_rate=1e-4..1e-2:log")[1]
    Choice(kind='float', low=0.0001, high=0.01, log=True, values=())
    >>> read_choice("batch_size=16..128")[1].kind, read_choice("hidden=64,128,256")[1].values
    ('int', (64, 128, 256))
    """
    named = _NAMED.fullmatch(text)
    if named is None:
        raise _unclear(text)
    name, said = named.groups()
    found = _RANGE.fullmatch(said)
    if found is None:
        values = said.split(",")
        if not all(values):
            raise _unclear(text)
        return name, Choice(kind="category", values=tuple(map(_value, values)))
    low, high, is_log = _value(found[1]), _value(found[2]), found[3] is not None
    if isinstance(low, str) or isinstance(high, str) or not low < high or (is_log and low <= 0):
        raise _unclear(text)
    is_whole = isinstance(low, int) and isinstance(high, int)
    return name, Choice(kind="int" if is_whole else "float", low=low, high=high, log=is_log)


def _value(text: str) -> Parameter:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _unclear(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is neither a range nor a list",
        where="--search",
        mend="Write name=low..high, name=low..high:log (above 0), or name=value,value.",
    )
