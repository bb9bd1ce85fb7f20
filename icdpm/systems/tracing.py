"""Traced as it is written: what asks nothing that depends on a tensor's values."""

import tensorflow as tf

# To look for such questions takes AutoGraph longer than all else of tracing, in every process anew.
traced_as_it_is = tf.autograph.experimental.do_not_convert
