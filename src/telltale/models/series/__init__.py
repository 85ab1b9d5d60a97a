"""Detectors that learn as a series goes: a file per part. `stream.py` puts those of one column together, `columns*.py` are of many.

Each part is one object per series with a `step` that takes the next value and says what it finds of it before it learns
it. State is bounded, and so is the work of a step; it lies in `__slots__`, so that `state_parts.py` can pack and copy it.
Nothing is random.
"""

__all__: list[str] = []
