"""What can be chosen of samplers and schedules, once for flags, configs and settings. Nothing here needs TensorFlow.

Each name is that of a function in `icdpm.diffusion.samplers` or `icdpm.diffusion.schedules`.
"""

SAMPLERS = ("ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde")
SCHEDULES = ("linear_beta", "log_snr")

# Of the last evaluation of schedules for few steps: a standard deviation of 1.3 of 255 gray values.
MIN_NOISE_VARIANCE = 1e-4
