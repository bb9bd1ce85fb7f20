"""A trained system applied to pictures: files in, files out."""
