"""Preparation of data: records of published data sets and of other sources, and pairs from a user's own images."""
