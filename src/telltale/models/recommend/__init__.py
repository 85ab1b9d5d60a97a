"""Pieces of models that order items, each in a file: what an item is, who took what as arrays, members of a blend, weights of it."""
