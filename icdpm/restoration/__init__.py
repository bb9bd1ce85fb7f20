"""Restoration of one image with one model: memory, tiles, samples."""
