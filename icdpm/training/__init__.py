"""Training runs: distribution strategy, training loop, callbacks, checkpoints and validation."""
