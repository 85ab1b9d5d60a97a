"""Detectors of one series that learn as it goes: a file per part, `stream.py` puts them together.

Each part is one object per series with a `step` that takes the next value and says what it finds of it before it learns
it. State is bounded, and so is the work of a step. Nothing is random.
"""

__all__: list[str] = []
