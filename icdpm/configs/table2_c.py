"""Table 2 (c): icDPM-S with Guide-S, the guided small model; the base of all other variants.

    icdpm-train --config=table2_c --data=… --workdir=… --strategy=mirrored

The paper trains it on 32 TPU v3 cores with the batch of 256; on fewer or smaller devices raise optimizer.accumulation.
"""

from icdpm.models.config import default_config


def get_config():
    """The config of this variant."""
    config = default_config()
    config.name = "table2_c"
    config.unet.channels = 32
    config.guidance.channels = 32
    return config
