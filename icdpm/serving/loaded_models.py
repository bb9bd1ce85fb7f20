"""Models as the web page uses them, with presets, progress and cancellation."""

from __future__ import annotations

import concurrent.futures
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

# TensorFlow has no public API that stops a running graph.
from tensorflow.python.eager.cancellation import CancellationManager

from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.pixels import to_values
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image
from icdpm.models.image_restorer import ImageRestorer
from icdpm.restoration.restore import restore
from icdpm.restoration.result import Restored, to_intermediate_outputs
from icdpm.serving.export import LIMITS_FILE, PRESETS_FILE

# The preset of a model without presets, and of the settings that a model was exported with.
DEFAULT_PRESET = "default"
# Seconds between two calls of on_progress while a graph runs.
_POLL_SECONDS = 0.2


class TrainedModel:
    """A model with trained weights.

    Args:
      model: see `icdpm.models.workdir.load`.

    Attributes:
      presets: {name: description}; one preset if the model has none of its own.
      max_pixels: `None`: the model has no limit of its own.
    """

    max_pixels: int | None = None

    def __init__(self, model: ImageRestorer) -> None:
        self.model = model
        presets = {name: preset.purpose for name, preset in model.offered_presets.items()}
        self.presets = presets or {DEFAULT_PRESET: "one evaluation of the network"}

    def restore(self, pixels: np.ndarray, preset: str, on_progress: Callable[[float, int], None]) -> Restored:
        """Restores an image as icdpm-deblur --preset=PRESET does.

        Args:
          pixels: see `icdpm.restoration.restore.restore`.
          preset: a name in `presets`.
          on_progress: called repeatedly with (evaluations done, evaluations in total), of the network for one sample. An
            exception that it raises stops the restoration.

        Returns:
          The result with intermediate outputs and, for two samples or more, their standard deviation.

        Raises:
          IcdpmError: the image does not fit into memory.
        """
        settings = self.model.settings(None if preset == DEFAULT_PRESET else preset)
        done, total = 0.0, settings.evaluations

        def on_step(count):
            nonlocal done
            done += count
            on_progress(done, total)

        return restore(
            self.model,
            pixels,
            settings,
            spread=settings.samples > 1,
            keep_intermediate_outputs=True,
            on_step=on_step,
        )


class ExportedModel:
    """A SavedModel exported with icdpm-export.

    Args:
      folder: folder of the SavedModel.

    Attributes:
      presets: {name: description}, with "default" for the settings that the model was exported with.
      max_pixels: the largest number of pixels of an image; `None` if an earlier version exported the model.

    Raises:
      IcdpmError: the folder holds no such model.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        if not (Path(folder) / "saved_model.pb").is_file():
            raise IcdpmError(f"{folder} is not an exported model: it has no saved_model.pb. Export one with icdpm-export.")
        try:
            self._model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise IcdpmError(f"The model in {folder} is damaged. Export it again.") from error
        self._signatures = self._model.signatures
        if "serving_default" not in self._signatures or "error" not in self._signatures["serving_default"].structured_outputs:
            raise IcdpmError(
                f"{folder} is not a model exported with icdpm-export: its signature serving_default is missing or different."
            )
        self.presets = {DEFAULT_PRESET: "the settings that the model was exported with"}
        self.presets |= {str(name): str(text) for name, text in _read_json(Path(folder) / PRESETS_FILE).items()}
        self.max_pixels: int | None = _read_json(Path(folder) / LIMITS_FILE).get("max_pixels")

    def restore(self, pixels: np.ndarray, preset: str, on_progress: Callable[[None, None], None]) -> Restored:
        """Restores an image with the seed that the model was exported with.

        Args:
          pixels: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width].
          preset: a name in `presets`.
          on_progress: called repeatedly with (None, None), because a graph does not report its progress. An exception that
            it raises stops the restoration.

        Returns:
          The result with intermediate outputs, if the model has any, and without the standard deviation of the samples.

        Raises:
          IcdpmError: the model rejects the image.
        """
        content = encode_image(Image(pixels), FORMATS["png"])
        outputs = _run_cancelable(self._signatures[f"serving_{preset}"], on_progress, image_bytes=tf.constant([content]))
        if error := outputs["error"].numpy()[0].decode():
            raise IcdpmError(error)
        restored = decode_image(outputs["image_bytes"].numpy()[0], "the model's output").pixels
        return Restored(restored, intermediate_outputs=self._intermediate_outputs(pixels, on_progress))

    def _intermediate_outputs(self, pixels, on_progress):
        if "intermediate_outputs" not in self._signatures:
            return {}
        blurry = tf.constant(to_values(pixels)[None])
        outputs = _run_cancelable(self._signatures["intermediate_outputs"], on_progress, blurry=blurry)
        return to_intermediate_outputs({name: outputs[name] for name in sorted(outputs)}, pixels)


def _read_json(path) -> dict[str, Any]:
    """Returns the content of a JSON file that `icdpm.serving.export` wrote; {} if it is absent."""
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise IcdpmError(f"{path} is damaged. Export the model again.") from error


def _run_cancelable(signature, on_progress, **inputs) -> dict[str, Any]:
    """Returns signature(**inputs), computed in another thread; an exception of `on_progress` stops the graph."""
    manager = CancellationManager()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(manager.get_cancelable_function(signature), **inputs)
        try:
            while not concurrent.futures.wait([running], _POLL_SECONDS).done:
                on_progress(None, None)
        except BaseException:
            manager.start_cancel()
            raise
        return running.result()
