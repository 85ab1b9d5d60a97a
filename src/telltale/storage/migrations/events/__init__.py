"""Revisions of events.db."""
