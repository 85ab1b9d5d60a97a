"""The type of a column of whole numbers that may pass 2^31: ids, counts, microseconds."""

from typing import Final

from sqlalchemy import BigInteger, Integer

# SQLite's INTEGER holds 64 bits, and a primary key must be called so to be given out by itself.
WHOLE: Final = Integer().with_variant(BigInteger(), "postgresql")
