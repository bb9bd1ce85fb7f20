"""Pictures as files: reading, writing, formats, metadata, 16 bits, alpha. Nothing here needs TensorFlow."""
