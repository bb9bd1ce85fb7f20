"""Preparation of data: records of published data sets, and pairs from a user's own images."""
