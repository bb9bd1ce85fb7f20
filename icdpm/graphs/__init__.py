"""Pieces of graphs that are exported: what they say of inputs that they cannot use, and padding to any size."""
