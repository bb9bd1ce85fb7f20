"""Mathematics of diffusion as pure functions of tensors, and the names of samplers and schedules.

Notation: γ (`gamma`, ᾱ in other texts) is the signal level in [0, 1]; x_γ = √γ·x + √(1−γ)·ε with ε ~ N(0, I).
Importing this package does not import TensorFlow: flags and configs need the names only.
"""

# Each name is that of a function in `icdpm.diffusion.samplers` or `icdpm.diffusion.schedules`.
SAMPLERS = ("ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde")
SCHEDULES = ("linear_beta", "log_snr")

# Of the last evaluation of schedules for few steps: a standard deviation of 1.3 of 255 gray values.
MIN_NOISE_VARIANCE = 1e-4
