"""Plots of measured numbers, as one PNG."""

import dataclasses

import matplotlib
from matplotlib.figure import Figure

from icdpm.files import write_atomically

_COLORS = matplotlib.colormaps["tab10"].colors
_MARKERS = "osD^vP*X<>"


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
      x, y: what the axes show, with unit and, where it is not plain, which way is better.
      series: {name: [(x, y)] or [(x, y, words beside the point)]}; a name has the same colour in all panels.
      levels: {name: y}: horizontal lines.
      joined: whether a series' points are joined by a line.
      log_x: whether x is logarithmic.
      title: above the panel.
    """

    x: str
    y: str
    series: dict
    levels: dict = dataclasses.field(default_factory=dict)
    joined: bool = True
    log_x: bool = False
    title: str = ""


def write_plot(path, panels, title=""):
    """Writes panels side by side, with one legend for all of them.

    Args:
      path: ends in .png.
      panels: of `Panel`.
      title: above all of them.
    """
    figure = Figure(figsize=(5.2 * len(panels), 5.2), layout="constrained", dpi=120)
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    handles = {}
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0]):
        _draw(panel, axes, names, handles)
    if len(handles) > 1:
        columns = min(len(handles), 2 * len(panels), 5)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns, frameon=False)
    if title:
        figure.suptitle(title, fontsize="medium")
    with write_atomically(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw(panel, axes, names, handles):
    for name, points in panel.series.items():
        index = names.index(name)
        xs, ys = zip(*(point[:2] for point in sorted(points, key=lambda point: point[:2])))
        style = {"color": _COLORS[index % len(_COLORS)], "marker": _MARKERS[index % len(_MARKERS)], "markersize": 5}
        (handles[name],) = axes.plot(xs, ys, linestyle="-" if panel.joined else "", **style)
        for x, y, *words in points:
            if words:
                axes.annotate(words[0], (x, y), textcoords="offset points", xytext=(5, 3), fontsize=6, color="dimgray")
    for name, level in panel.levels.items():
        handles[name] = axes.axhline(level, color="black", linestyle="--", linewidth=1)
    if panel.log_x:
        axes.set_xscale("log")
        xs = sorted({point[0] for points in panel.series.values() for point in points})
        axes.set_xticks(xs, [f"{x:g}" for x in xs], minor=False)
        axes.minorticks_off()
    axes.set(xlabel=panel.x, ylabel=panel.y, title=panel.title)
    axes.grid(alpha=0.3)
