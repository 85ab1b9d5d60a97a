"""Applications: a folder each, a value `APP` each, found through the entry-point group `telltale.apps`.

An app imports the kernel and no other app. `schema.py` says what rows look like, `features.py` what the model sees,
`simulate.py` makes rows up, and `__init__.py` puts the value together.
"""
