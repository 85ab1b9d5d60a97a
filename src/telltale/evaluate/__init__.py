"""How a version is judged: figures with their counts, the gate, plots, tables and the report.

One file per concept. Nothing here trains, stores or serves: arrays of labels (0/1) and scores come in, higher = more
likely the event, and values or files go out. A rate never travels alone: it is a `Measured`, with its count and its
95 % interval, and a rate without a denominator is NaN with a count of 0, never a made-up 0 or 1. Precision is always
shown beside prevalence. Matplotlib and Rich are imported inside the functions that draw.
"""
