"""Drift: what is served now, held against the reference in the version's bundle.

`windows.py` summarises the prediction log hour by hour, `watch.py` looks at the newest window and keeps what it finds
(`findings.py`), raises the alarm and ends it. `decide.py` is the comparison itself: `aspects.py` asks the questions,
`dependence.py` says how many independent rows an answer rests on, `statistics.py` has tails and distances. `rule.py`
says when a week of looks is a drift; `picture.py` draws one.
"""
