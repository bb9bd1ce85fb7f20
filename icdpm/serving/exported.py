"""An exported model, as the page uses it."""

import concurrent.futures
import json
from pathlib import Path

import tensorflow as tf

# A graph that runs can be stopped in no other way.
from tensorflow.python.eager.cancellation import CancellationManager

from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.pixels import to_values
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image
from icdpm.restoration.result import Restored, to_intermediate_outputs
from icdpm.serving.export import PRESETS_FILE

# Seconds between two looks at a graph that runs.
_LOOK = 0.2


class ExportedModel:
    """A SavedModel of icdpm-export, which restores with the settings it was exported with, or with presets.

    Args:
      folder: the SavedModel's.

    Attributes:
      presets: {name: what it is for}.

    Raises:
      IcdpmError: there is no such model.
    """

    def __init__(self, folder):
        if not (Path(folder) / "saved_model.pb").is_file():
            raise IcdpmError(f"{folder} is not an exported model: it holds no saved_model.pb; icdpm-export writes one")
        try:
            self._model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise IcdpmError(f"the model in {folder} is damaged; export it again") from error
        self._signatures = self._model.signatures
        if "serving_default" not in self._signatures or "error" not in self._signatures["serving_default"].structured_outputs:
            raise IcdpmError(f"{folder} is not a model of icdpm-export: it has no signature serving_default as written there")
        self.presets = {"default": "the settings that the model was exported with"}
        self.presets |= _presets(Path(folder) / PRESETS_FILE)

    def restore(self, pixels, preset, on_progress):
        """Restores a picture, with the seed that the model was exported with.

        Args:
          pixels: uint8 or uint16 [height, width, 3] sRGB, or gray [height, width].
          preset: a name in `presets`.
          on_progress: called again and again with (None, None), as graphs do not tell how far they are; what it raises
            stops the work.

        Returns:
          An `icdpm.restoration.result.Restored` with pictures of the inside, if there are any; a graph gives no spread.

        Raises:
          IcdpmError: the model refuses the picture.
        """
        content = encode_image(Image(pixels), FORMATS["png"])
        outputs = _run(self._signatures[f"serving_{preset}"], on_progress, image_bytes=tf.constant([content]))
        if error := outputs["error"].numpy()[0].decode():
            raise IcdpmError(error)
        restored = decode_image(outputs["image_bytes"].numpy()[0], "what the model gives").pixels
        return Restored(restored, inside=self._inside(pixels, on_progress))

    def _inside(self, pixels, on_progress):
        if "pictures" not in self._signatures:
            return {}
        blurry = to_values(pixels)[None]
        outputs = _run(self._signatures["pictures"], on_progress, blurry=tf.constant(blurry))
        return to_intermediate_outputs({name: outputs[name] for name in sorted(outputs)}, pixels)


def _presets(path):
    """{name: what it is for} of a file of `icdpm.serving.export`; {} where there is none."""
    if not path.is_file():
        return {}
    try:
        return {str(name): str(purpose) for name, purpose in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise IcdpmError(f"{path} is damaged; export the model again") from error


def _run(signature, on_progress, **inputs):
    """signature(**inputs), in a thread of its own, so that `on_progress` can stop it."""
    manager = CancellationManager()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(manager.get_cancelable_function(signature), **inputs)
        try:
            while not concurrent.futures.wait([running], _LOOK).done:
                on_progress(None, None)
        except BaseException:
            manager.start_cancel()
            raise
        return running.result()
