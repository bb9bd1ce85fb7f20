"""The Markdown that results/ is written in, as HTML for the report."""

import re
import xml.etree.ElementTree as etree

import markdown
from markdown.treeprocessors import Treeprocessor


def to_html(text):
    """HTML of a Markdown text. A heading # becomes h2, ## h3 and so on; raw HTML is shown as text."""
    converter = markdown.Markdown(extensions=["tables"])
    converter.preprocessors.deregister("html_block")
    converter.inlinePatterns.deregister("html")
    converter.treeprocessors.register(_ForThePage(converter), "for the page", 15)
    return converter.convert(text)


def title_of(text):
    """The text's first heading, or None."""
    match = re.search(r"^#+ (.+)$", text, re.MULTILINE)
    return match and match[1]


class _ForThePage(Treeprocessor):
    """Headings below the page's own, and tables that say what heads what and scroll where they are wide."""

    def run(self, root):
        for element in list(root.iter()):
            if re.fullmatch(r"h[1-5]", element.tag):
                element.tag = f"h{int(element.tag[1]) + 1}"
            elif element.tag == "tr":
                for cell in element.findall("th"):
                    cell.set("scope", "col")
                if element[0].tag == "td":
                    element[0].tag = "th"
                    element[0].set("scope", "row")
            for place, child in enumerate(element):
                if child.tag == "table":
                    # Wide tables scroll by themselves, and with the keyboard.
                    scrolling = {"class": "table", "tabindex": "0", "role": "region", "aria-label": "table"}
                    element[place] = etree.Element("div", scrolling)
                    element[place].append(child)
