"""Events on their way in: read from files, checked against a declared schema, stored, read back, written out.

Rows are read as they are (`files`, `remote`), then checked once (`validate`) into a *checked frame* (`frames`), the one
shape that the stages after this one take. A row that breaks a rule is quarantined with its line, the reason and its raw
text; the good rows of the same file go on. Nothing is dropped, filled or clipped without a word.
"""
