"""Pictures beside each other, with headings, as one PNG."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from icdpm.files import write_atomically

_GAP = 8
_HEADING = 28
# Characters that Pillow's font lacks.
_ABSENT = str.maketrans({"×": "x", "−": "-", "ç": "c"})


def write_gallery(path, columns, rows, caption=""):
    """Writes a grid of pictures.

    Args:
      path: ends in .png.
      columns: heading of each column.
      rows: lists of uint8 [height, width, 3], one picture a column (None leaves a place empty), all of one size in a row.
      caption: lines below all of them; one that is wider than the sheet is broken between words.
    """
    font = PIL.ImageFont.load_default(18)
    widths = [max((row[i].shape[1] for row in rows if row[i] is not None), default=0) for i in range(len(columns))]
    heights = [max(picture.shape[0] for picture in row if picture is not None) for row in rows]
    breadth = sum(widths) + _GAP * (len(columns) + 1)
    lines = [part for line in caption.translate(_ABSENT).splitlines() for part in _broken(line, breadth - 2 * _GAP, font)]
    size = (breadth, _HEADING + sum(heights) + _GAP * (len(rows) + 1) + _HEADING * len(lines))
    sheet = PIL.Image.new("RGB", size, "white")
    draw = PIL.ImageDraw.Draw(sheet)
    lefts = np.cumsum([_GAP, *(width + _GAP for width in widths)])
    for left, heading in zip(lefts, columns):
        draw.text((left, _GAP // 2), heading.translate(_ABSENT), "black", font)
    top = _HEADING + _GAP
    for row, height in zip(rows, heights):
        for left, picture in zip(lefts, row):
            if picture is not None:
                sheet.paste(PIL.Image.fromarray(picture), (int(left), top))
        top += height + _GAP
    for line in lines:
        draw.text((_GAP, top), line, "black", font)
        top += _HEADING
    with write_atomically(path) as temporary:
        sheet.save(temporary)


def _broken(line, width, font):
    """A line as lines of at most `width` pixels; a longer word has one of its own."""
    lines = []
    for word in line.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
