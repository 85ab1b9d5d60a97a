"""One file per revision of state.db."""
