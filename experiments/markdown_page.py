"""The Markdown that results/ is written in, as HTML: headings, paragraphs, tables, lists, bold, code and links."""

import html
import re

_INLINE = [
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(\S.*?)\*"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)"), r'<a href="\2">\1</a>'),
]


def to_html(text):
    """HTML of a Markdown text. A heading # becomes h2, ## h3 and so on; pictures and raw HTML are shown as text."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n".join(_block(block.splitlines()) for block in blocks)


def title_of(text):
    """The text's first heading, or None."""
    match = re.search(r"^#+ (.+)$", text, re.MULTILINE)
    return match and match[1]


def _block(lines):
    if heading := re.match(r"(#+) (.+)", lines[0]):
        level = min(len(heading[1]) + 1, 6)
        return f"<h{level}>{_inline(heading[2])}</h{level}>" + (_block(lines[1:]) if lines[1:] else "")
    if lines[0].startswith("|") and len(lines) > 1:
        return _table(lines)
    if all(line.startswith("- ") for line in lines):
        return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _table(lines):
    head, _, *body = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    if lines[0].startswith("| |"):
        head = ["", *[cell for cell in head if cell]]
    rows = ["".join(f'<th scope="col">{_inline(cell)}</th>' for cell in head)]
    rows += [
        f'<th scope="row">{_inline(row[0])}</th>' + "".join(f"<td>{_inline(cell)}</td>" for cell in row[1:]) for row in body
    ]
    rows = [f"<tr>{row}</tr>" for row in rows]
    # Wide tables scroll by themselves, and with the keyboard.
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="table"><table><thead>{rows[0]}</thead>'
        f"<tbody>{''.join(rows[1:])}</tbody></table></div>"
    )


def _inline(text):
    text = html.escape(text, quote=False)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
