"""Versions, the roles they play, and the ledger of every move.

`Registry` is the object that other stages hold; it opens the transactions. What happens inside one is a function in
the file of its concept: `versions` (rows), `roles` (who may become what), `ledger` (what happened), `retention` (what
may go). A version is immutable once registered; roles, pins and removal are told beside it. No file here knows what is
inside a bundle beyond the SHA-256 of its files.
"""
