"""The run: strategy, optimiser, callbacks, and the fit that joins them."""
