"""Evaluation of restored images: pairing by name, metrics, intervals, tables and a preference study.

It uses the metrics and the restoration of trained models; the commands use it.
"""
