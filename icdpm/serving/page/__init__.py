"""The web page of icdpm-serve, built with Gradio."""
