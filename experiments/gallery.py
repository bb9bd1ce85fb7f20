"""Pictures beside each other, with headings, as one PNG."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from icdpm.files import write_atomically

_GAP = 8
_HEADING = 28


def write_gallery(path, columns, rows, caption=""):
    """Writes a grid of pictures.

    Args:
      path: ends in .png.
      columns: heading of each column.
      rows: lists of uint8 [height, width, 3], one picture a column (None leaves a place empty), all of one size in a row.
      caption: lines below all of them.
    """
    widths = [max((row[i].shape[1] for row in rows if row[i] is not None), default=0) for i in range(len(columns))]
    heights = [max(picture.shape[0] for picture in row if picture is not None) for row in rows]
    footing = _HEADING * len(caption.splitlines())
    size = (sum(widths) + _GAP * (len(columns) + 1), _HEADING + sum(heights) + _GAP * (len(rows) + 1) + footing)
    sheet = PIL.Image.new("RGB", size, "white")
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(18)
    lefts = np.cumsum([_GAP, *(width + _GAP for width in widths)])
    for left, heading in zip(lefts, columns):
        draw.text((left, _GAP // 2), heading, "black", font)
    top = _HEADING + _GAP
    for row, height in zip(rows, heights):
        for left, picture in zip(lefts, row):
            if picture is not None:
                sheet.paste(PIL.Image.fromarray(picture), (int(left), top))
        top += height + _GAP
    draw.text((_GAP, top), caption, "black", font)
    with write_atomically(path) as temporary:
        sheet.save(temporary)
