"""Tests of plots and grids of images."""

import PIL.Image

from icdpm_experiments.figures import Panel, write_plot


def test_a_plot_shows_its_series(tmp_path):
    series = {"first": [(2, 1.0), (8, 2.0, "words")], "second": [(8, 1.5)]}
    write_plot(tmp_path / "plot.png", [Panel("x", "y", series, {"level": 1.2}, log_x=True)] * 2, title="title")
    with PIL.Image.open(tmp_path / "plot.png") as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    assert {(31, 119, 180), (255, 127, 14)} <= colors
