"""Measurements of samplers, tiles, the input pipeline, exported models, and the sizes and speed of HI-Diff."""
