"""Requests that TensorFlow Serving answers to itself before it answers others, so that nobody waits for a first one."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from icdpm.photos.formats import FORMATS
from icdpm.photos.photo import Photo
from icdpm.photos.writing import encode_photo
from icdpm.serving.signatures import input_specs

# Where TensorFlow Serving looks in a SavedModel.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_SIDE = 32


def write_warmup(path, signatures):
    """Writes one small request for each signature: a TFRecord file of tensorflow.serving.PredictionLog messages.

    Args:
      path: of the file; its folder must be there.
      signatures: {name: concrete function} of `icdpm.serving.signatures`.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in _requests(signatures):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "icdpm"
            request.model_spec.signature_name = name
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _requests(signatures):
    """(name, {input: array}) of each signature."""
    ramp = np.linspace(0, 255, _SIDE**2 * 3).astype(np.uint8).reshape(_SIDE, _SIDE, 3)
    content = encode_photo(Photo(ramp), FORMATS["png"])
    images = ramp[None].astype(np.float32) / 255
    values = images * 2 - 1
    for name in signatures:
        if name == "guidance":
            yield name, {"blurry": values}
        elif name == "denoise":
            told = signatures["guidance"](tf.constant(values)) if "guidance" in signatures else {}
            known = {"x_gamma": values, "blurry": values, "gamma": np.full([1], 0.5, np.float32), **told}
            yield name, {key: known[key] for key in input_specs(signatures[name])}
        elif name.startswith("serving_"):
            yield name, {"image_bytes": np.array([content])}
        else:
            yield name, {"images": images}
