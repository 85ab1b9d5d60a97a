"""Rows of a backend that may be down: asked again with patience, left alone while it fails, kept for when it is away.

`pulling.py` does one pull; beside it a file for each thing that it relies on: the circuit breaker, what is kept of a source
between pulls, and which sources an operator has declared. State lies below `sources` in the home, in plain files: a pull
is seconds of waiting for another machine, and no transaction of ours should be open meanwhile.
"""
