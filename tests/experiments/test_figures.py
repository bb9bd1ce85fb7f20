"""Tests of plots and grids of images."""

import numpy as np
import PIL.Image

from icdpm_experiments.figures import Panel, largest_difference_box, write_plot


def test_a_plot_shows_its_series(tmp_path):
    series = {"first": [(2, 1.0), (8, 2.0, "words")], "second": [(8, 1.5)]}
    write_plot(tmp_path / "plot.png", [Panel("x", "y", series, {"level": 1.2}, log_x=True)] * 2, title="title")
    with PIL.Image.open(tmp_path / "plot.png") as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 24)}
    assert {(31, 119, 180), (255, 127, 14)} <= colors


def test_a_long_title_is_wrapped(tmp_path):
    write_plot(tmp_path / "plot.png", [Panel("x", "y", {"first": [(2, 1.0)]})], title="a title of many words " * 12)
    with PIL.Image.open(tmp_path / "plot.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels[:, [0, -1]] == 255).all() and (pixels[:60] < 128).any()


def test_the_box_of_the_largest_difference_lies_within_the_image():
    sharp = np.zeros((200, 300, 3), np.uint8)
    restored = sharp.copy()
    restored[180:, 290:] = 255
    left, top, width, height = largest_difference_box(restored, sharp, 160)
    assert (width, height) == (160, 160) and 290 - 160 < left <= 300 - 160 and top == 200 - 160
    assert largest_difference_box(restored[:90, :70], sharp[:90, :70], 160) == (0, 0, 70, 90)
