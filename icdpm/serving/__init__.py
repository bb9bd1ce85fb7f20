"""Trained models outside Python: SavedModel export, a client for TensorFlow Serving, and a web page."""
