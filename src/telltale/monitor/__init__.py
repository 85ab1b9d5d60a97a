"""What is kept of answers once they are given: the prediction log, the labels that come later, the live figures.

One file per concept. Nothing here runs while a request waits: serving appends a tuple to memory, and a flush a few
times a second writes the rows, feeds the figures and says one line to the log. Functions read back what was written.
"""
