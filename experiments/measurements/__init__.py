"""Measurements of samplers, tiles, the input pipeline, exported models, and the speed of HI-Diff."""
