from typing import Any


class Sent:
    """Headers as they were sent."""

    def __init__(self, pairs: dict[str, str]) -> None:
        self._pairs = pairs

    def get(self, key: str, default: Any = None, /) -> Any:
        return self._pairs.get(key, default)

    def items(self) -> list[tuple[str, str]]:
        return list(self._pairs.items())
