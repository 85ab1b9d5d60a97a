"""Benchmarks: `python -m benchmarks NAME [--data DIR] [--test DIR] [--json] [--quick]`.

One file per benchmark, named as in `catalogue.py`, with a function `run`; it gives the shape of `results.py`. Ours and
every baseline run in one process, on the same cases, with the threshold set by the same rule on the same training rows.
"Ours" is what the command or the endpoint gives with its defaults: no benchmark has a model of its own. Nothing is
chosen on what is scored. Progress goes to standard error, one JSON object or tables to standard output.
"""

import os

# Read once, when NumPy is first imported: ours and every baseline work on one core, as the command does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
