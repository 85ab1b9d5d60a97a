"""What apps, estimators and runtimes promise, as values and protocols.

One file per concept. Nothing here imports another folder of ours, and nothing here does work: the stages after it
read these values and keep these promises.
"""
