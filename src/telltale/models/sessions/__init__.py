"""Visits: how a user's rows are cut into them, which ones a visit is like, and what was looked at there.

Neighbours among visits, after SKNN, VS-KNN and STAN: `weighing` says how much a match counts, `index` finds and scores.
"""
