"""Which blocks are alike: fingerprints of chunks, and the task."""
