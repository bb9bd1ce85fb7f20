"""A trained system as others use it: SavedModels for TensorFlow Serving, the client of such a server, and a page to try it."""
