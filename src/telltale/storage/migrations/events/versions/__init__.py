"""One file per revision of events.db."""
