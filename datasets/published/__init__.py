"""What the four published data sets have in common: a layout of pairs, and the builder that records them."""
