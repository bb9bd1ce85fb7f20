"""The maths of diffusion as pure functions of tensors. Nothing here knows of networks, files or flags.

Notation: γ (`gamma`, ᾱ in other texts) is the signal level in [0, 1]; x_γ = √γ·x + √(1−γ)·ε with ε ~ N(0, I).
"""
