"""Image-quality metrics: arrays in, numbers out.

Every metric has a protocol string that states exactly what it computes, because most names have several definitions in the
literature. Images are RGB, [height, width, 3], uint8, uint16, or float in [0, 1]. Floats are first rounded to uint8, as a saved
image is. PSNR and SSIM measure uint16 without loss; the other metrics round it to 8 bits.
Only `icdpm.metrics.networks` imports TensorFlow.
"""
