"""From checked rows to a bundle: where rows come from, splits that cannot leak, the fit, the threshold, tuning.

`sources.py` gathers rows from a simulator, a file or the store; everything after it takes checked frames as arguments,
and a bundle goes out as a directory.
"""
