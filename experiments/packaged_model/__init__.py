"""The model that comes with the package: its recipe, its packaging, its card and its numbers."""
