"""Alembic revisions, a folder per database.

A revision that was released is never edited; a change is a new file, numbered one higher, and the last number is
raised in `telltale.storage.migrate.LATEST`.
"""
