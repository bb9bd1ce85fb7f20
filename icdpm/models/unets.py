"""UNets as sections of a config: their fields, constraints and checks, and the networks that they describe.

Use it as a module: `unets.make_network(config.unet, …)`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.models.constraints import COUNT_OR_ZERO, FRACTION, FieldConstraints, wrong_value
from icdpm.networks.naf import NAFUNet
from icdpm.networks.unet import UNet


def default_section(channels: int = 32) -> ml_collections.ConfigDict:
    """Returns a section with the defaults of the paper's small network (Fig. 10; its layout is recovered from Table 11)."""
    fields = ml_collections.ConfigDict()
    fields.channels = channels
    fields.multipliers = (1, 2, 3, 4)  # of the channels, one for each level
    fields.patch = 1  # side of the pixel patches that become channels before the first level: 1 (the paper's), 2, 4, …
    fields.block = "residual"  # residual (the paper's) or naf (Chen et al., 2022)
    fields.encoder_blocks = 3  # residual: blocks of an encoder level; a decoder level has one more
    fields.middle_blocks = 2  # residual
    fields.blocks = ()  # naf: blocks of each level, down to the lowest and up again, as in (1, 1, 2, 6, 1, 1, 1)
    fields.dropout = 0.0  # assumed
    fields.embedding_scale = 1000.0  # assumed
    fields.zero_last = True  # assumed: the last convolutions of blocks and head start at zero
    return fields


def section_constraints(section: str) -> dict[str, FieldConstraints]:
    """Returns the constraints of the fields of a section with this name."""
    return {
        f"{section}.block": FieldConstraints(choices=("residual", "naf")),
        f"{section}.middle_blocks": COUNT_OR_ZERO,
        f"{section}.dropout": FRACTION,
    }


def check_section(config: ml_collections.ConfigDict, section: str) -> None:
    """Raises IcdpmError if the fields of a section contradict each other."""
    fields = config[section]
    if not fields.multipliers:
        raise wrong_value(f"{section}.multipliers", fields.multipliers, "one or more numbers, one for each level")
    levels = len(fields.multipliers)
    length = 2 * levels - 1 if fields.block == "naf" else 0
    if len(fields.blocks) != length:
        raise IcdpmError(
            f"`{section}.blocks` must have {length} numbers for {levels} levels of {fields.block} blocks. "
            f"Received: {fields.blocks}."
        )
    if fields.patch & (fields.patch - 1):
        raise wrong_value(f"{section}.patch", fields.patch, "a power of two")
    if fields.channels % 2:
        raise wrong_value(f"{section}.channels", fields.channels, "even")


def size_multiple(fields: ml_collections.ConfigDict) -> int:
    """Returns the number by which the height and width of the network's input must be divisible."""
    return fields.patch * 2 ** (len(fields.multipliers) - 1)


def make_network(fields: ml_collections.ConfigDict, precision: str, **options: Any) -> UNet | NAFUNet:
    """Returns the network of a section.

    Args:
      fields: the section.
      precision: Keras policy of the layers.
      **options: further arguments of `icdpm.networks.unet.UNet`.
    """
    options |= {
        "multipliers": fields.multipliers,
        "patch": fields.patch,
        "embedding_scale": fields.embedding_scale,
        "dropout": fields.dropout,
        "zero_last": fields.zero_last,
    }
    if fields.block == "naf":
        return NAFUNet(fields.channels, dtype=precision, blocks=fields.blocks, **options)
    counts = {"encoder_blocks": fields.encoder_blocks, "middle_blocks": fields.middle_blocks}
    return UNet(fields.channels, dtype=precision, **counts, **options)


def tile_overlap(fields: ml_collections.ConfigDict, radius: int, multiple: int) -> int:
    """Returns an overlap of tiles, in pixels, that covers the effective receptive field of a network.

    Pixels farther away have little influence: tiles then differ from the whole image by a few hundredths of an 8-bit step on
    average, less than the rounding of bfloat16 (results/tiles.md). The effective field is a fifth of the receptive field for
    residual blocks and two thirds for NAF blocks, whose receptive field is smaller and fully used
    (icdpm/restoration/README.md).

    Args:
      fields: the section.
      radius: receptive-field radius in pixels.
      multiple: the overlap is rounded up to a multiple of this number.
    """
    share = Fraction(2, 3) if fields.block == "naf" else Fraction(1, 5)
    return math.ceil(share * radius / multiple) * multiple
