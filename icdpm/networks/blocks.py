"""The residual block of both networks, plain, guided and resampling."""

import tensorflow as tf

from icdpm.networks.activations import swish
from icdpm.networks.layers import Block, convolution, dense
from icdpm.networks.resampling import average_pool, repeat_pixels


class ResidualBlock(Block):
    """swish, 3×3 conv, (+ Dense(noise embedding)), (+ 3×3 conv(guidance)), swish, (dropout), 3×3 conv; plus the skip.

    No normalisation: the block is fully convolutional and its output at a pixel depends on a bounded neighbourhood only.

    Args:
      filters: width of the output. Where it differs from the input's width the skip is a 1×1 convolution.
      dtype: Keras policy.
      resample: None, 'down' (average pooling by 2 before both convolutions) or 'up' (pixels repeated by 2 before both).
      embedded: whether the block receives a noise-level embedding.
      guided: whether the block has a 3×3 convolution of its own for the guidance features (guided residual block, Fig. 10 of
        arXiv 2212.01789). Without one, `guidance` is added as it is: the output of a projection that blocks share.
      dropout: rate of the dropout before the second convolution; active only where a seed is given.
      zero_last: whether the second convolution starts at zero, so that the block starts as its skip.
    """

    def __init__(self, filters, dtype, name, *, resample=None, embedded=False, guided=False, dropout=0.0, zero_last=True):
        super().__init__(name=name, dtype=dtype)
        self.filters = filters
        self.resample = {None: tf.identity, "down": _halve, "up": _double}[resample]
        self.dropout = dropout
        self.convolution_1 = convolution(filters, 3, dtype, "convolution_1")
        self.convolution_2 = convolution(filters, 3, dtype, "convolution_2", zero=zero_last)
        self.embedding = dense(filters, dtype, "embedding") if embedded else None
        self.guidance = convolution(filters, 3, dtype, "guidance") if guided else None
        self.skip = None

    def build(self, input_shape):
        if input_shape[-1] != self.filters:
            self.skip = convolution(self.filters, 1, self.dtype_policy, "skip")
        super().build(input_shape)

    def call(self, x, embedding=None, guidance=None, dropout_seed=None):
        """x [batch, height, width, channels], embedding [batch, width], guidance [batch, height, width, its channels], which
        are `filters` where the block is not `guided`; None: no guidance.

        `dropout_seed` is a stateless seed (int32 [2]); None switches dropout off.
        """
        features = self.convolution_1(self.resample(swish(x)))
        if self.embedding is not None:
            features += self.embedding(embedding)[:, None, None, :]
        if guidance is not None:
            features += guidance if self.guidance is None else self.guidance(guidance)
        features = swish(features)
        if self.dropout and dropout_seed is not None:
            features = tf.nn.experimental.stateless_dropout(features, self.dropout, dropout_seed)
        features = self.convolution_2(features)
        x = self.resample(x)
        return features + (x if self.skip is None else self.skip(x))


def _halve(x):
    return average_pool(x, 2)


def _double(x):
    return repeat_pixels(x, 2)
