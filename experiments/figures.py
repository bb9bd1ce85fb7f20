"""Figures: grids of images with headings, plots of measured numbers, and the crop that shows most."""

import dataclasses

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from scipy import ndimage

from icdpm.files import write_atomically
from icdpm.metrics.inputs import as_uint8

_GAP = 8  # pixels between the images of a grid
_LINE_HEIGHT = 28  # pixels of a heading and of a line of the caption
# Pillow's font lacks these characters.
_SUBSTITUTES = str.maketrans({"×": "x", "−": "-", "ç": "c"})
_MARKERS = "osD^vP*X<>"


def write_gallery(path, columns, rows, caption=""):
    """Writes a grid of images with column headings as one file.

    Args:
      path: output file, `*.png`, or `*.jpg` for a smaller file.
      columns: list of str, the heading of each column.
      rows: list of rows. A row is a list of uint8 or uint16 arrays [height, width, 3] of one size, one per column; `None`
        leaves a cell empty.
      caption: text below the grid. Lines wider than the grid are wrapped between words.
    """
    font = PIL.ImageFont.load_default(18)
    widths = [max((row[i].shape[1] for row in rows if row[i] is not None), default=0) for i in range(len(columns))]
    heights = [max(image.shape[0] for image in row if image is not None) for row in rows]
    total_width = sum(widths) + _GAP * (len(columns) + 1)
    lines = [
        part for line in caption.translate(_SUBSTITUTES).splitlines() for part in _wrap_line(line, total_width - 2 * _GAP, font)
    ]
    total_height = _LINE_HEIGHT + sum(heights) + _GAP * (len(rows) + 1) + _LINE_HEIGHT * len(lines)
    sheet = PIL.Image.new("RGB", (total_width, total_height), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    lefts = np.cumsum([_GAP, *(width + _GAP for width in widths)])
    for left, heading in zip(lefts, columns):
        draw.text((left, _GAP // 2), heading.translate(_SUBSTITUTES), "black", font)
    top = _LINE_HEIGHT + _GAP
    for row, height in zip(rows, heights):
        for left, image in zip(lefts, row):
            if image is not None:
                sheet.paste(PIL.Image.fromarray(image if image.dtype == np.uint8 else as_uint8(image)), (int(left), top))
        top += height + _GAP
    for line in lines:
        draw.text((_GAP, top), line, "black", font)
        top += _LINE_HEIGHT
    with write_atomically(path) as temporary:
        sheet.save(temporary, quality=95, subsampling=0)  # of JPEG alone


def _wrap_line(line, width, font):
    """Returns the lines, each at most `width` pixels wide. A single longer word keeps a line of its own."""
    lines = []
    for word in line.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes of a plot.

    Attributes:
      x, y: axis labels, with the unit and, if it is not obvious, the better direction.
      series: {name: [(x, y)] or [(x, y, annotation)]}. A name has the same color in all panels.
      levels: {name: y} of dashed horizontal lines.
      joined: whether a line joins the points of a series.
      log_x: whether the x axis is logarithmic.
      title: text above the panel.
    """

    x: str
    y: str
    series: dict
    levels: dict = dataclasses.field(default_factory=dict)
    joined: bool = True
    log_x: bool = False
    title: str = ""


def write_plot(path, panels, title=""):
    """Writes panels side by side, with one common legend, as one PNG file. Requires matplotlib (extra `plots`).

    Args:
      path: output file, `*.png`.
      panels: list of `Panel`.
      title: text above all panels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(panels), 5.2), layout="constrained", dpi=120)
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    handles = {}
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0]):
        _draw_panel(panel, axes, names, handles)
    if len(handles) > 1:
        columns = min(len(handles), 2 * len(panels), 5)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False)
    if title:
        figure.suptitle(title, fontsize="medium", wrap=True)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_panel(panel, axes, names, handles):
    import matplotlib

    colors = matplotlib.colormaps["tab10"].colors
    for name, points in panel.series.items():
        index = names.index(name)
        xs, ys = zip(*(point[:2] for point in sorted(points, key=lambda point: point[:2])))
        style = {"color": colors[index % len(colors)], "marker": _MARKERS[index % len(_MARKERS)], "markersize": 5}
        (handles[name],) = axes.plot(xs, ys, linestyle="-" if panel.joined else "", **style)
        for x, y, *annotation in points:
            if annotation:
                axes.annotate(annotation[0], (x, y), textcoords="offset points", xytext=(5, 3), fontsize=6, color="dimgray")
    for name, level in panel.levels.items():
        handles[name] = axes.axhline(level, color="black", linestyle="--", linewidth=1)
    if panel.log_x:
        axes.set_xscale("log")
        xs = sorted({point[0] for points in panel.series.values() for point in points})
        axes.set_xticks(xs, [f"{x:g}" for x in xs], minor=False)
        axes.minorticks_off()
    axes.set(xlabel=panel.x, ylabel=panel.y, title=panel.title)
    axes.grid(alpha=0.3)


def find_largest_difference(blurry, sharp, side):
    """Returns (x, y), the center of the side×side square in which the blurry and the sharp image differ most."""
    difference = np.abs(blurry.astype(np.float32) - sharp).sum(axis=-1)
    summed = ndimage.uniform_filter(difference, side, mode="constant")
    y, x = np.unravel_index(np.argmax(summed), summed.shape)
    return int(x), int(y)


def largest_difference_box(image, sharp, side):
    """Returns the box (left, top, width, height), at most `side` wide and high, in which two images differ most."""
    height, width = sharp.shape[:2]
    sides = min(side, width), min(side, height)
    center = find_largest_difference(image, sharp, min(sides))
    corner = (min(max(0, at - length // 2), limit - length) for at, length, limit in zip(center, sides, (width, height)))
    return *corner, *sides


def enlarge(image, times):
    """Repeats every pixel of an image [height, width, …] `times` times in both directions."""
    return image.repeat(times, axis=0).repeat(times, axis=1)


def crop_image(image, box):
    """Crops an image [height, width, …] to a box (left, top, width, height)."""
    left, top, width, height = box
    return np.ascontiguousarray(image[top : top + height, left : left + width])
