"""Bodies in, answers out: rows and windows decided, questions answered, one at a time or many."""
