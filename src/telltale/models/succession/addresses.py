"""Items that are addresses: whole decimal numbers, which have neighbours; hashes have none."""

from typing import Final

# Sums of addresses of so many digits stay in 64 bits, which is what bundles keep them in.
_MOST_DIGITS: Final = 18


def address_of(item: str) -> int | None:
    """The number that an item is, or None where it is a name; only what `str` gives back unchanged is a number.

    >>> address_of("1024"), address_of("0x400"), address_of("007"), address_of("٣")
    (1024, None, None, None)
    """
    if not item.isdecimal() or len(item) > _MOST_DIGITS or not item.isascii() or (item[0] == "0" and item != "0"):
        return None
    return int(item)
