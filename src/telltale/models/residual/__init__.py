"""What a few directions that normal rows move along together do not tell of a row: the fit, and the ONNX graph of it.

Fit-time code may use any library; what runs is the graph.
"""
