"""Report of all results as one HTML page."""
