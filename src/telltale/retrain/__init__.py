"""Versions that come about by themselves: schedules, the job, and what is done with its outcome.

`training.py` is the one way from rows to a registered version, for a person and for a schedule alike. `comparison.py`
says whether a new version may take the champion's place, `schedules.py` when work is due, `jobs.py` keeps what was asked
for and how all of it ended, and `worker.py` does it: once per slot, and once per job, however many processes there are.
"""
