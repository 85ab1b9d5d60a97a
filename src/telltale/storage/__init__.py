"""Where state is kept: two databases and a folder of artifacts, all under one home.

One file per concept. Functions take a `Database` (or an open connection) and plain values; rows come and go through
SQLAlchemy Core, and through prepared driver queries where a request waits. Times in tables are integers: microseconds
since the epoch, UTC, in columns that end in `_us`. JSON documents are text. Schema changes are Alembic revisions in
`migrations/`, applied when a database is opened; a released revision is never edited.
"""
