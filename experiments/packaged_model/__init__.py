"""Training, packaging, model card and measurements of the model that the package contains."""
