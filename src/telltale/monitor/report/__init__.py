"""Reports of a span of time: what was answered, how fast, how well, what moved and what was done about it.

`document.py` is what a report says, `gather.py` makes one, `store.py` keeps it, and the rest shows it as one HTML page:
`page.py` puts it together, `timeline.py` draws everything that happened on one axis of time.
"""
