"""Summaries of streams of numbers: how time is cut, the bins of every column, and the counts that are kept.

They stand before models, because a bundle carries the summary of what it was trained on. `like_hours.py` cuts time,
`layout.py` fixes bins once, from a reference; `stream.py` counts rows into them as they come, and merges the counts.
"""
