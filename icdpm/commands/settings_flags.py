"""The flags that say how a photo is restored, of all commands that have to know."""

from absl import flags

from icdpm.restoration.presets import PRESETS, changes_of

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "preset",
    None,
    list(PRESETS),
    "Settings by a name; any of them given besides goes first. "
    + "; ".join(f"{name}, {preset.purpose}: {preset.as_flags}" for name, preset in PRESETS.items())
    + ".",
)
flags.DEFINE_enum(
    "sampler",
    None,
    ["ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde"],
    "How the noise is taken away; dpmpp_2m and dpmpp_2m_sde are for the schedule log_snr. "
    "Default: what the model's config says.",
)
flags.DEFINE_float("eta", None, "Noise of the sampler ddim: 0 (the default) none, 1 that of ancestral.", 0.0, 1.0)
flags.DEFINE_enum(
    "schedule",
    None,
    ["linear_beta", "log_snr"],
    "How the noise levels are spaced: the paper's linear_beta, or for few steps log_snr. "
    "Default: what the model's config says.",
)
flags.DEFINE_integer("steps", None, "Evaluations of the network per sample. Default: what the model's config says.", 1)
flags.DEFINE_float(
    "max_noise_variance",
    None,
    "Of linear_beta the largest noise variance of a step, of the other schedules that of the start. "
    "Default: what the model's config says.",
    1e-3,
    0.9999,
)
flags.DEFINE_integer(
    "samples",
    None,
    "Samples to average: one has the finest texture, the mean of eight the least error. Default: what the preset says, else 1.",
    1,
)
flags.DEFINE_integer("seed", 0, "Seed of the samples: the same one gives the same result.", 0, 2**63 - 1)

# What of them are fields of `icdpm.restoration.settings.Settings`.
SETTINGS = ("sampler", "eta", "schedule", "steps", "max_noise_variance", "samples")


def given_changes():
    """The changes to a model's settings that the flags stand for, as `icdpm.restoration.settings.settings_of` takes them."""
    return changes_of(FLAGS.preset, **{name: FLAGS[name].value for name in SETTINGS})
