"""The stages of a run: crops may grow while it goes on, and batches shrink (*Restormer*'s progressive learning)."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """Steps whose batches are of one size.

    Attributes:
      start, stop: its steps, the last one exclusive.
      first_example: the number of its first training example.
      batch: global batch.
      crop: side of the crops.
    """

    start: int
    stop: int
    first_example: int
    batch: int
    crop: int

    def first_of(self, step):
        """The number of the first example of one of its steps."""
        return self.first_example + (step - self.start) * self.batch


def stages_of(config):
    """The stages of a run of a checked config, to its last step: a list of `Stage`, of one where nothing grows."""
    data, steps = config.data, config.run.steps
    starts = (0, *data.progressive_steps)
    sizes = zip(starts, (*starts[1:], steps), (data.batch, *data.progressive_batches), (data.crop, *data.progressive_crops))
    stages, example = [], 0
    for start, stop, batch, crop in sizes:
        if start >= steps:
            break
        stages.append(Stage(start, min(stop, steps), example, batch, crop))
        example = stages[-1].first_of(stop)
    return stages


def largest_crop(config):
    """The largest side of the crops of a run."""
    return max(stage.crop for stage in stages_of(config))


def in_words(config):
    """How many steps see what: '20000 of 16 crops of 128×128, then 20000 of 10 crops of 160×160'."""
    stages = stages_of(config)
    return ", then ".join(f"{each.stop - each.start} of {each.batch} crops of {each.crop}×{each.crop}" for each in stages)
