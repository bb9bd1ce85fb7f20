"""Pictures too large to be worked on at once: the windows that a network sees, and the strips that are held."""
