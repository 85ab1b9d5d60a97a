"""Values as PostgreSQL's driver reads them, where SQLite would give another type."""

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader


class _PlainNumber(Loader):
    """Sums and means of whole numbers, which the server calls numeric: as whole numbers and floats."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class _Context:
    """What `psycopg.connect` takes as its context."""

    connection = None

    def __init__(self, adapters: AdaptersMap) -> None:
        self.adapters = adapters


def read_plainly() -> _Context:
    """The driver's ways of reading values, with ours."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("numeric", _PlainNumber)
    return _Context(adapters)
