"""Estimators and their runtimes, one file each, found by the name `ESTIMATOR` in the file; and the bundle format.

An estimator fits with whatever library it likes, inside `fit`; what it stores is an ONNX graph or arrays, and what it
loads needs NumPy and ONNX Runtime alone. The conformance suite in `telltale.testing` runs over every one found here.
"""
