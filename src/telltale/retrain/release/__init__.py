"""A release looked after: what is known of it now, what follows from that, and the move.

`paired_units.py` and `entity_outcomes.py` make the comparison of the two versions out of the log, `comparison.py` picks the
one that fits the task. `service_harm.py` and `quality_harm.py` say whether a version does harm whatever it is compared with.
`policy.py` is the decision, a pure function; `controller.py` gathers, decides and moves. `asking.py` is how a release
begins, for a command and a request alike.
"""
