"""What is measured: each make target's results/NAME.json and NAME.md, and the demo.

paper/            the tables and figures of the paper, published values beside measured ones
measurements/     samplers, the grid of their settings, tiles, input, export
packaged_model/   how the model in the package is trained, packaged and measured
report/           all results as one page
sweeping/         settings of samplers, measured over pictures: what tables and measurements share
"""
