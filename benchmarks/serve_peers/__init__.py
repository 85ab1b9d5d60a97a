"""What `benchmarks.serve` starts: one file per server beside ours, and the load generators."""
