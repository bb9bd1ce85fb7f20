"""Collects results/ in one self-contained HTML page with tables, plots and test images to compare.

    python -m icdpm_experiments.report

The test images are those of Tables 3 to 6, restored below runs/. The page names restored images that are missing.
"""

import base64
import html
import importlib.resources
import io
import json
import mimetypes
import re
import xml.etree.ElementTree as etree
from pathlib import Path

import markdown
import numpy as np
import PIL.Image
from absl import flags
from markdown.treeprocessors import Treeprocessor

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.metrics.inputs import as_uint8
from icdpm.metrics.psnr import psnr
from icdpm_experiments.figures import find_largest_difference
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES

FLAGS = flags.FLAGS
PAGE = RESULTS_FOLDER / "report.html"
# Images of more pixels are embedded with lossy compression to limit the size of the page.
_LOSSLESS_PIXELS = 512 * 512
_TABLES_WITH_IMAGES = ("table3", "table4", "table5", "table6")


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_integer("images", 12, "Maximum number of test images per data set.", 1)
    flags.DEFINE_string("data_dir", None, "Published data sets: output of icdpm-prepare. Default: ~/tensorflow_datasets.")


def main(argv):
    """Writes results/report.html and prints its path."""
    reject_arguments(argv)
    page, missing = write_report(FLAGS.images, FLAGS.data_dir)
    print(*missing, f"{page}: {page.stat().st_size / 1e6:.1f} MB", sep="\n")


def write_report(count, data_dir=None):
    """Writes results/report.html.

    Args:
      count: maximum number of test images per data set.
      data_dir: folder of the published data sets, as `icdpm-prepare` recorded them.

    Returns:
      (path of the page, list of sentences about missing content).

    Raises:
      IcdpmError: there are no results.
    """
    names = section_names()
    if not names:
        raise IcdpmError(f"{RESULTS_FOLDER} has no results yet. Run make demo or another target that writes results first.")
    parts, missing = [(name, *render_section(name)) for name in names], []
    for name in _TABLES_WITH_IMAGES:
        if (RESULTS_FOLDER / f"{name}.json").exists():
            parts.append((f"{name}-images", *render_images(name, count, data_dir, missing)))
    template = importlib.resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for name, title, _ in parts)
    sections = "".join(f'<section id="{name}">{content}</section>' for name, _, content in parts)
    with write_atomically(PAGE) as temporary:
        temporary.write_text(template.replace("{{links}}", links).replace("{{sections}}", sections), encoding="utf-8")
    return PAGE, missing


def section_names():
    """Returns the names of all results: the paper's tables and figures in numerical order, then the others."""
    names = {path.stem for path in RESULTS_FOLDER.glob("*.*") if path.suffix in (".md", ".png")}

    def order(name):
        numbered = re.fullmatch(r"(table|fig)(\d+)(_\w+)?", name)
        return (["table", "fig"].index(numbered[1]), int(numbered[2]), name) if numbered else (2, 0, name)

    return sorted(names, key=order)


def render_section(name):
    """Returns (title, HTML) of one result: its Markdown text, then its PNG image."""
    text, image = RESULTS_FOLDER / f"{name}.md", RESULTS_FOLDER / f"{name}.png"
    content = text.read_text(encoding="utf-8") if text.exists() else f"# {name}"
    body, title = render_markdown(content), first_heading(content) or name
    if image.exists():
        body += f'<img class="plot" src="{_file_url(image)}" alt="{html.escape(title)}">'
    return title, body


def render_images(name, count, data_dir, missing):
    """Returns (title, HTML) of the test images of a table, one card each.

    Args:
      name: name of the table.
      count: maximum number of images, evenly spaced over the data set.
      data_dir: folder of the published data sets.
      missing: list. A sentence is appended if restored images are missing.
    """
    # Imported here because these modules import TensorFlow.
    from icdpm.images.reading import read_rgb
    from icdpm_experiments.pairs import restored_files
    from icdpm_experiments.paper.scales import make_scale

    table = json.loads((RESULTS_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    scale = make_scale(table["scale"], data_dir)
    title = f"Images of {name.replace('table', 'Table ')}: {scale.label(table['test_set'])}"
    folders = {row: Path(folder) for row, folder in table["restored"].items()}
    absent = [str(folder) for folder in folders.values() if not folder.is_dir()]
    if absent:
        missing.append(f"The restored images of {name} are missing ({', '.join(absent)}). make bench-{name} restores them.")
        return title, f"<h2>{html.escape(title)}</h2><p>{html.escape(missing[-1])}</p>"
    pairs = scale.test_pairs(table["test_set"])
    files = {row: restored_files(folder, pairs) for row, folder in folders.items()}
    cards = []
    for index in np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)):
        blurry, sharp = pairs.load(index)
        restored = {row: read_rgb(of_row[index]) for row, of_row in files.items()}
        cards.append(image_card(pairs.names[index], {"blurry": blurry, **restored, "sharp": sharp}))
    note = f'<p class="note">{SCALE_NOTES[scale.name]}</p>' if scale.name in SCALE_NOTES else ""
    return title, f"<h2>{html.escape(title)}</h2>{note}{''.join(cards)}"


def image_card(name, versions):
    """Returns the HTML of one test image: its versions on top of each other with a slider, and a zoomed crop of each.

    Args:
      name: name of the image.
      versions: {name of the version: uint8 [height, width, 3]} of one size, including 'blurry' and 'sharp'.
    """
    height, width = versions["sharp"].shape[:2]
    side = crop_side(width)
    x, y = find_largest_difference(versions["blurry"], versions["sharp"], side)
    escaped = html.escape(name)
    images = "".join(
        f'<img data-version="{html.escape(version)}" src="{data_url(image)}" width="{width}" height="{height}" '
        f'alt="{escaped}, {html.escape(version)}">'
        for version, image in versions.items()
    )
    crops = "".join(
        f'<figure><canvas data-version="{html.escape(version)}" width="{side}" height="{side}"></canvas>'
        f"<figcaption>{html.escape(version)}{_format_psnr(image, versions['sharp'])}</figcaption></figure>"
        for version, image in versions.items()
    )
    return (
        f'<article class="image" data-x="{x}" data-y="{y}" data-side="{side}" style="--ratio: {width} / {height}">'
        f"<h4>{escaped}</h4>"
        f'<div class="stage">{images}<span class="lens"></span><span class="line"></span>'
        f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{escaped}: visible part of the left image">'
        f'</div><div class="crops" tabindex="0" role="group" '
        f'aria-label="{escaped}: zoomed crops, moved by the arrow keys">{crops}</div></article>'
    )


def crop_side(width):
    """Returns the side in pixels of the zoomed crops of an image of the given width."""
    return max(48, width // 12)


def data_url(image):
    """Returns an image as data URL: WebP, lossless for small images, otherwise of quality 95."""
    file = io.BytesIO()
    small = image.shape[0] * image.shape[1] <= _LOSSLESS_PIXELS
    pillow = PIL.Image.fromarray(image if image.dtype == np.uint8 else as_uint8(image))
    pillow.save(file, "WEBP", lossless=small, quality=60 if small else 95)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _file_url(path):
    """Returns an image file as data URL."""
    return f"data:{mimetypes.guess_type(path.name)[0]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _format_psnr(image, sharp):
    value = psnr(image, sharp)
    return f" <small>{value:.2f} dB</small>" if np.isfinite(value) else ""


def render_markdown(text):
    """Returns HTML of a Markdown text of results/. Headings move down one level (# becomes h2); raw HTML is escaped."""
    converter = markdown.Markdown(extensions=["tables"])
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    converter.treeprocessors.register(_ReportElements(converter), "report elements", 15)
    return converter.convert(text)


def first_heading(text):
    """Returns the first heading of a Markdown text, or `None`."""
    match = re.search(r"^#+ (.+)$", text, re.MULTILINE)
    return match and match[1]


class _ReportElements(Treeprocessor):
    """Moves headings down one level, embeds images and makes tables accessible: scoped header cells, scrolling when too wide.

    Links to files become text, because the page is a single file.
    """

    def run(self, root):
        for element in list(root.iter()):
            if re.fullmatch(r"h[1-5]", element.tag):
                element.tag = f"h{int(element.tag[1]) + 1}"
            elif element.tag == "img":
                element.set("class", "plot")
                element.set("src", _file_url(RESULTS_FOLDER / element.get("src")))
            elif element.tag == "a" and ":" not in element.get("href"):
                element.tag = "span"
                del element.attrib["href"]
            elif element.tag == "tr":
                for cell in element.findall("th"):
                    cell.set("scope", "col")
                if element[0].tag == "td":
                    element[0].tag = "th"
                    element[0].set("scope", "row")
            for index, child in enumerate(element):
                if child.tag == "table":
                    # A focusable region lets wide tables scroll by keyboard.
                    scrolling = {"class": "table", "tabindex": "0", "role": "region", "aria-label": "table"}
                    element[index] = etree.Element("div", scrolling)
                    element[index].append(child)


if __name__ == "__main__":
    define_flags()
    run_command(main)
