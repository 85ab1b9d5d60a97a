"""What every network shares: rows, training, checkpoints, graphs."""
