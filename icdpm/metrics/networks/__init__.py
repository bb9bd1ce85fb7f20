"""The trained networks behind LPIPS, FID and KID, in TensorFlow: weights in, features out. Only these import TensorFlow."""
