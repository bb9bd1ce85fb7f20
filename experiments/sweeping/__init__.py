"""Measurements of sampling settings over a data set."""
