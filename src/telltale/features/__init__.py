"""Feature plans: fitted once on training rows, run the same on a frame, a window and one row.

`telltale.contract.plan` says what the steps are; `frame.py` runs them as Polars expressions, `window.py` as plain
functions, and a test holds the two equal. `levels.py` fits what a plan expects of each moment; `derive.py` writes a
plan for columns nobody has described.
"""
