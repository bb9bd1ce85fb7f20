"""The model of a training run, as the page uses it."""

from icdpm.models.workdir import load
from icdpm.restoration.restore import restore

# The preset of systems that have none.
_ONLY = "default"


class TrainedModel:
    """A trained system that restores pictures with presets.

    Args:
      workdir, checkpoint: see `icdpm.models.workdir.load`.

    Attributes:
      presets: {name: what it is for}; where the system has none, one way that is its own.
    """

    def __init__(self, workdir, checkpoint="latest"):
        self._model = load(workdir, checkpoint)
        presets = {name: str(preset) for name, preset in self._model.sampling_presets.items()}
        self.presets = presets or {_ONLY: "the model gives one answer, at once"}

    def restore(self, pixels, preset, on_progress):
        """Restores a picture as icdpm-deblur --preset=PRESET does.

        Args:
          pixels: as of `icdpm.restoration.restore.restore`.
          preset: a name in `presets`.
          on_progress: called again and again with (what is done, all there is to do), in evaluations of the network for one
            sample; what it raises stops the work.

        Returns:
          An `icdpm.restoration.result.Restored`, with the spread where there are two samples or more, and with
          pictures of the inside.

        Raises:
          IcdpmError: the picture does not fit the memory.
        """
        settings = self._model.settings(None if preset == _ONLY else preset)
        done, total = 0.0, settings.evaluations

        def on_step(count):
            nonlocal done
            done += count
            on_progress(done, total)

        return restore(
            self._model,
            pixels,
            settings,
            spread=settings.samples > 1,
            keep_intermediate_outputs=True,
            on_step=on_step,
        )
