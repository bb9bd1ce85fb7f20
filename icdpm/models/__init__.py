"""Keras models that remove blur from images: their networks and losses, configs, weights and workdirs."""
