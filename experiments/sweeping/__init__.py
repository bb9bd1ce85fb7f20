"""Settings of samplers, measured over pictures."""
