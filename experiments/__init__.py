"""Experiments behind the make targets; each writes results/NAME.json and results/NAME.md.

paper/            tables and figures of the paper, with published values
measurements/     samplers, sampling settings, tiles, input pipeline, export, sizes and speed of HI-Diff
packaged_model/   training, packaging and measurement of the packaged model
report/           all results on one page
sweeping/         measurement of sampling settings over a data set, shared by tables and measurements
"""
