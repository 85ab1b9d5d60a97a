"""What makes a row of no known kind stand out: squashed features, mixtures of normal rows, and how rare a score is.

Fit-time code may use scikit-learn; what runs is an ONNX graph and a table.
"""
