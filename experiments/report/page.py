"""Results as one HTML page that needs nothing else: tables, plots, and test pictures to compare."""

import base64
import html
import importlib.resources
import json
import re
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm_experiments.report.markdown_html import title_of, to_html
from icdpm_experiments.results import FOLDER, SCALE_NOTES

PAGE = FOLDER / "report.html"
_TABLES_WITH_PICTURES = ("table3", "table4", "table5", "table6")


def write_report(count, data_dir=None):
    """Writes results/report.html.

    Args:
      count: of test pictures of each set, at most.
      data_dir: of the published sets, as `icdpm-prepare` recorded them.

    Returns:
      (path of the page, sentences about what it cannot show).

    Raises:
      IcdpmError: there are no results.
    """
    names = section_names()
    if not names:
        raise IcdpmError(f"{FOLDER} has no results yet: make demo or make bench-micro writes some")
    parts, missing = [(name, *section(name)) for name in names], []
    for name in _TABLES_WITH_PICTURES:
        if (FOLDER / f"{name}.json").exists():
            parts.append((f"{name}-pictures", *picture_section(name, count, data_dir, missing)))
    template = importlib.resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for name, title, _ in parts)
    sections = "".join(f'<section id="{name}">{content}</section>' for name, _, content in parts)
    with write_atomically(PAGE) as temporary:
        temporary.write_text(template.replace("{{links}}", links).replace("{{sections}}", sections), encoding="utf-8")
    return PAGE, missing


def section_names():
    """The names of what results/ holds, the paper's tables and figures first."""
    names = {path.stem for path in FOLDER.glob("*.*") if path.suffix in (".md", ".png")}

    def order(name):
        numbered = re.fullmatch(r"(table|fig)(\d+)(_\w+)?", name)
        return (["table", "fig"].index(numbered[1]), int(numbered[2]), name) if numbered else (2, 0, name)

    return sorted(names, key=order)


def section(name):
    """(title, HTML) of one result: its Markdown, then its picture."""
    text, picture = FOLDER / f"{name}.md", FOLDER / f"{name}.png"
    markdown = text.read_text(encoding="utf-8") if text.exists() else f"# {name}"
    content, title = to_html(markdown), title_of(markdown) or name
    if picture.exists():
        url = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
        content += f'<img class="plot" src="{url}" alt="{html.escape(title)}">'
    return title, content


def picture_section(name, count, data_dir, missing):
    """(title, HTML) of test pictures of a table: what it measured, in a card each.

    Args:
      name: of the table.
      count: of pictures at most, evenly spaced over the set.
      data_dir: of the published sets.
      missing: a list to which sentences are added about what cannot be shown.
    """
    # Only here, as they bring TensorFlow.
    from icdpm.images.reading import read_rgb
    from icdpm_experiments.paper.scales import make_scale
    from icdpm_experiments.report.cards import card

    table = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    scale = make_scale(table["scale"], data_dir)
    title = f"Pictures of {name.replace('table', 'Table ')}: {scale.label(table['test_set'])}"
    folders = {row: Path(folder) for row, folder in table["restored"].items()}
    absent = [str(folder) for folder in folders.values() if not folder.is_dir()]
    if absent:
        missing.append(f"The pictures of {name} are not here ({', '.join(absent)}); make bench-{name} restores them.")
        return title, f"<h2>{html.escape(title)}</h2><p>{html.escape(missing[-1])}</p>"
    pairs = scale.test_pairs(table["test_set"])
    cards = []
    for index in np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)):
        blurry, sharp = pairs.load(index)
        restored = {row: read_rgb(folder / f"{pairs.names[index]}.png") for row, folder in folders.items()}
        cards.append(card(pairs.names[index], {"blurry": blurry, **restored, "sharp": sharp}))
    note = f'<p class="note">{SCALE_NOTES[scale.name]}</p>' if scale.name in SCALE_NOTES else ""
    return title, f"<h2>{html.escape(title)}</h2>{note}{''.join(cards)}"
