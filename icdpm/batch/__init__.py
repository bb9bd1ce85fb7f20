"""Restoration of many files: selection, output paths, extra outputs, shards and progress. No TensorFlow."""
