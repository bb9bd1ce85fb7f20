"""The UNet as a section of a config: its fields, their rules, and the network that they stand for."""

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.networks.unet import DenoisingUNet


def unet_fields(channels=32):
    """The section's fields with the defaults of the paper's small network (Fig. 10; its layout is recovered from Table 11)."""
    fields = ml_collections.ConfigDict()
    fields.channels = channels
    fields.multipliers = (1, 2, 3, 4)
    fields.patch = 1  # pixels to a side that become channels before the first level: 1 (the paper's), 2, 4, …
    fields.encoder_blocks = 3
    fields.middle_blocks = 2
    fields.dropout = 0.0  # assumed
    fields.embedding_scale = 1000.0  # assumed
    fields.zero_last = True  # assumed: the last convolutions of blocks and head start at zero
    return fields


def unet_may_be_zero(section):
    """The fields of a section of this name that may hold 0 (`icdpm.systems.rules.Rules`)."""
    return {f"{section}.dropout", f"{section}.middle_blocks"}


def check_unet(config, section):
    """Raises IcdpmError where the section's fields do not fit each other."""
    fields = config[section]
    if not fields.multipliers:
        raise IcdpmError(f"the config field {section}.multipliers is empty; it must hold a width for each level")
    if fields.patch & (fields.patch - 1):
        raise IcdpmError(f"the config field {section}.patch is {fields.patch}; it must be a power of two")
    if fields.channels % 2:
        raise IcdpmError(f"the config field {section}.channels is {fields.channels}; it must be even")


def unet_factor(fields):
    """Height and width of what such a network is given must be divisible by this."""
    return fields.patch * 2 ** (len(fields.multipliers) - 1)


def make_unet(fields, precision, **options):
    """The network of a section; options as of `icdpm.networks.unet.DenoisingUNet`."""
    return DenoisingUNet(
        fields.channels,
        precision,
        multipliers=fields.multipliers,
        encoder_blocks=fields.encoder_blocks,
        middle_blocks=fields.middle_blocks,
        patch=fields.patch,
        embedding_scale=fields.embedding_scale,
        dropout=fields.dropout,
        zero_last=fields.zero_last,
        **options,
    )


def tile_margin(reach, factor):
    """A margin of tiles, in pixels, for such networks: a fifth of their reach.

    What lies farther away has so little influence that tiles differ from the whole picture by a few hundredths of an 8-bit
    step on the mean, less than the rounding of bfloat16 makes (results/tiles.md).
    """
    return -(-reach // (5 * factor)) * factor
