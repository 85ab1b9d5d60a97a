"""What models of windows share: the last rows of an entity side by side, shape (n, sequence * k), oldest first.

In every one of them a row counts half as much as the one after it: a score tells of now, and is usual again soon after an
event is over. Fit-time code may use any library; what runs is an ONNX graph.
"""
