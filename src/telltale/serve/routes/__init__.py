"""Which path leads to what: the hot ones, the management ones (Litestar), and those of apps."""
