"""Published data sets: layouts, verification, TFDS builders, and fast access to their records."""
