"""Versions that come about by themselves: schedules, the job, and what is done with its outcome.

`training.py` is the one way from rows to a registered version, for a person and for a schedule alike; `retraining.py`
does it and decides what becomes of the version, by `comparison.py`, and `apart.py` has that done in a process of its own,
within limits. `schedules.py` and `cron.py` say when work is due, `triggers.py` when a rule asks for it; `slots.py` asks
once per slot, `jobs.py` keeps what was asked for and how all of it ended, and `job_turns.py` gives each to one worker.
`worker.py` does it, however many processes there are and whichever of them dies, and beside it what `duty_list.py` lists.
"""
