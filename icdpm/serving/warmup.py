"""Requests that TensorFlow Serving answers to itself before it answers others, so that nobody waits for a first one."""

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.writing import encode_image

# Where TensorFlow Serving looks in a SavedModel.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_SIDE = 32


def import_messages():
    """The modules of TensorFlow Serving's messages. Raises IcdpmError where they are not installed."""
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        version = tf.__version__.rpartition(".")[0]
        raise IcdpmError(
            "an exported model holds requests to warm it up with, made with a package that is not installed: "
            f"pip install --no-deps 'tensorflow-serving-api=={version}.*'"
        ) from error
    return predict_pb2, prediction_log_pb2


def write_warmup(path, signatures, extra):
    """Writes one small request for each signature: a TFRecord file of tensorflow.serving.PredictionLog messages.

    Args:
      path: of the file; its folder must be there.
      signatures: {name: concrete function} of `icdpm.serving.signatures`, and
      extra: `ImageRestorer.extra_signatures`, which are among them.
    """
    predict_pb2, prediction_log_pb2 = import_messages()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in _requests(signatures, extra):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "icdpm"
            request.model_spec.signature_name = name
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _requests(signatures, extra):
    """(name, {input: array}) of each signature."""
    ramp = np.linspace(0, 255, _SIDE**2 * 3).astype(np.uint8).reshape(_SIDE, _SIDE, 3)
    content = encode_image(Image(ramp), FORMATS["png"])
    images = ramp[None].astype(np.float32) / 255
    examples = {each.name: each.example for each in extra}
    for name in signatures:
        if name in examples:
            yield name, examples[name](images * 2 - 1)
        elif name.startswith("serving_"):
            yield name, {"image_bytes": np.array([content])}
        elif name == "pictures":
            yield name, {"blurry": images * 2 - 1}
        else:
            yield name, {"images": images}
