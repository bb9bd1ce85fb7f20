"""Image-quality metrics: arrays in, numbers out.

Every metric has a protocol string that states exactly what it computes, because most names have several definitions in the
literature. Images are RGB, [height, width, 3], either uint8 or float in [0, 1]; floats are first rounded to uint8, as a saved
image is. Only `icdpm.metrics.networks` imports TensorFlow.
"""
