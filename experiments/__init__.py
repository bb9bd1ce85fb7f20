"""Experiments behind the make targets; each writes results/NAME.json and results/NAME.md.

paper/            tables and figures of the paper, with published values
measurements/     sweeps over sampling settings, samplers, tiles, input pipeline, export, speed of HI-Diff
packaged_model/   training, packaging and measurement of the packaged model
"""
