"""Layers and networks: tensors in, tensors out. Nothing here knows of diffusion, files or flags."""
