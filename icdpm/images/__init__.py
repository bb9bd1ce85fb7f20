"""Image files: formats, metadata, bit depth, transparency, size limits. No TensorFlow."""
