"""Measures restored pictures against sharp ones as the field does: pairs by name, metrics, intervals, tables, raters.

It knows the metrics, and how a trained model restores; the commands call it.
"""
