"""Tiles that fade into each other, so that no seam shows where their answers differ."""

import tensorflow as tf


def cross_faded(parts, fade, axis):
    """Parts of a map put together along an axis; the last 2·`fade` pixels of each are the next one's first, and fade into them.

    Args:
      parts: [batch, height, width, channels] each; None is left out.
      fade: 0: parts do not overlap.
      axis: 1 or 2.
    """
    parts = [part for part in parts if part is not None]
    if len(parts) == 1:
        return parts[0]
    if not fade:
        return tf.concat(parts, axis)
    shared = 2 * fade
    # How much the next part counts: more than nothing and less than all wherever both know.
    share = tf.reshape((tf.range(shared, dtype=tf.float32) + 0.5) / shared, [-1, 1, 1] if axis == 1 else [-1, 1])

    def cut(part, start, stop):
        return part[:, start:stop] if axis == 1 else part[:, :, start:stop]

    joined = [cut(parts[0], None, -shared)]
    for before, part in zip(parts, parts[1:]):
        joined.append((1.0 - share) * cut(before, -shared, None) + share * cut(part, None, shared))
        joined.append(cut(part, shared, None if part is parts[-1] else -shared))
    return tf.concat(joined, axis)
