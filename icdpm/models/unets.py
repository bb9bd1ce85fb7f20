"""The UNet as a section of a config: its fields, their rules, and the network that they stand for."""

import math
from fractions import Fraction

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.models.rules import Rules
from icdpm.networks.naf_unet import NAFUNet
from icdpm.networks.unet import UNet


def unet_fields(channels=32):
    """The section's fields with the defaults of the paper's small network (Fig. 10; its layout is recovered from Table 11)."""
    fields = ml_collections.ConfigDict()
    fields.channels = channels
    fields.multipliers = (1, 2, 3, 4)
    fields.patch = 1  # pixels to a side that become channels before the first level: 1 (the paper's), 2, 4, …
    fields.block = "residual"  # residual (the paper's) or naf (Chen et al., 2022)
    fields.encoder_blocks = 3  # residual: a level, the decoder has one more
    fields.middle_blocks = 2  # residual
    fields.blocks = ()  # naf: from the first level down to the lowest and up again, as in (1, 1, 2, 6, 1, 1, 1)
    fields.dropout = 0.0  # assumed
    fields.embedding_scale = 1000.0  # assumed
    fields.zero_last = True  # assumed: the last convolutions of blocks and head start at zero
    return fields


def unet_rules(section):
    """What the fields of a section of this name may hold."""
    return Rules(
        choices={f"{section}.block": ("residual", "naf")},
        may_be_zero={f"{section}.dropout", f"{section}.middle_blocks"},
        below_one={f"{section}.dropout"},
    )


def check_unet(config, section):
    """Raises IcdpmError where the section's fields do not fit each other."""
    fields = config[section]
    if not fields.multipliers:
        raise IcdpmError(f"the config field {section}.multipliers is empty; it must hold a width for each level")
    levels = len(fields.multipliers)
    wanted = 2 * levels - 1 if fields.block == "naf" else 0
    if len(fields.blocks) != wanted:
        raise IcdpmError(
            f"the config field {section}.blocks is {fields.blocks}; "
            f"with {levels} levels of {fields.block} blocks it must hold {wanted} numbers"
        )
    if fields.patch & (fields.patch - 1):
        raise IcdpmError(f"the config field {section}.patch is {fields.patch}; it must be a power of two")
    if fields.channels % 2:
        raise IcdpmError(f"the config field {section}.channels is {fields.channels}; it must be even")


def unet_factor(fields):
    """Height and width of what such a network is given must be divisible by this."""
    return fields.patch * 2 ** (len(fields.multipliers) - 1)


def make_unet(fields, precision, **options):
    """The network of a section; options as of `icdpm.networks.unet.UNet`."""
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


def tile_margin(fields, reach, factor):
    """A margin of tiles, in pixels, for such a network: the part of its reach that shows.

    What lies farther away has so little influence that tiles differ from the whole picture by a few hundredths of an 8-bit
    step on the mean, less than the rounding of bfloat16 makes (results/tiles.md): beyond a fifth of the reach for residual
    blocks, beyond two thirds for NAF blocks, whose reach is shorter and fully used (icdpm/restoration/README.md).
    """
    share = Fraction(2, 3) if fields.block == "naf" else Fraction(1, 5)
    return math.ceil(share * reach / factor) * factor
