"""Image deblurring with guided, image-conditioned diffusion models."""

__version__ = "0.1.0"
