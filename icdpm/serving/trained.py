"""The model of a training run, as the page uses it."""

from icdpm.restoration.presets import PRESETS, changes_of
from icdpm.restoration.restore import restore
from icdpm.restoration.settings import settings_of
from icdpm.systems.workdir import load


class TrainedModel:
    """A trained system that restores pictures with presets.

    Args:
      workdir, checkpoint: see `icdpm.systems.workdir.load`.

    Attributes:
      presets: {name: what it is for}.
    """

    def __init__(self, workdir, checkpoint="latest"):
        self._system = load(workdir, checkpoint)
        self.presets = {name: preset.purpose for name, preset in PRESETS.items()}

    def restore(self, pixels, preset, on_progress):
        """Restores a picture as icdpm-deblur --preset=PRESET does.

        Args:
          pixels: as of `icdpm.restoration.restore.restore`.
          preset: a name in `presets`.
          on_progress: called again and again with (what is done, all there is to do), in evaluations of the network for one
            sample; what it raises stops the work.

        Returns:
          An `icdpm.restoration.restored.Restored`, with the spread where there are two samples or more, and with the
          regressions.

        Raises:
          IcdpmError: the picture does not fit the memory.
        """
        settings = settings_of(self._system.config, **changes_of(preset))
        done, total = 0.0, settings.steps * settings.samples

        def on_step(count):
            nonlocal done
            done += count
            on_progress(done, total)

        return restore(self._system, pixels, settings, spread=settings.samples > 1, keep_regressions=True, on_step=on_step)
