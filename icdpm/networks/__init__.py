"""Keras layers and networks: tensors in, tensors out. They are independent of diffusion, files and flags."""
