"""MODEL_CARD.md: what a person who is handed an exported model should know of it."""

import dataclasses
import json

import tensorflow as tf

import icdpm
from icdpm.models.schedules import describe_stages
from icdpm.models.workdir import best_file, read_best, read_data
from icdpm.serving.signatures import input_specs


def model_card(*, workdir, step, model, signatures, extra, settings, presets, seed, max_pixels, checksums):
    """The card's text (Markdown).

    Args:
      workdir, step: the run and the checkpoint that the weights are from.
      model: what is exported.
      signatures: {name: concrete function}, of which `extra` are the system's own (`ImageRestorer.extra_signatures`).
      settings, presets, seed, max_pixels: of `icdpm.serving.signatures.all_signatures`.
      checksums: {file: SHA-256 of the weights in it}.
    """
    parameters = sum(variable.shape.num_elements() for variable in signatures["restore"].variables)
    config = model.config
    return "\n".join(
        [
            f"# {config.name or 'icdpm'}: image deblurring",
            "",
            f"{model.description} As a SavedModel for TensorFlow {tf.__version__} or later. "
            f"Exported by icdpm {icdpm.__version__}.",
            "",
            "## Use",
            "",
            "| signature | in | out |",
            "|---|---|---|",
            *(
                f"| `{name}` | {_tensors(input_specs(graph))} | {_tensors(graph.structured_outputs)} |"
                for name, graph in signatures.items()
            ),
            "",
            "- `serving_…`: `image_bytes` are PNG or JPEG files in, PNG files of the same kind (gray or RGB, alpha, 8 or 16 "
            'bits) out; `error` is "" or a sentence, and then the PNG is empty: one bad image does not fail its batch. '
            "EXIF orientation is not applied.",
            "- `restore…`: sRGB in [0, 1].",
            *(f"- `{each.name}`: {each.words}" for each in extra),
            f"- Any height and width up to {max_pixels} pixels an image; each image is restored by itself.",
            "",
            "## Settings, fixed at export",
            "",
            *_settings(settings, presets),
            "",
            f"Seed {seed}: the same image always gives the same result. Numbers of the network: {config.precision}.",
            "",
            "## Training",
            "",
            f"{parameters:,} parameters; the average (EMA, decay {config.optimizer.ema_decay}) of the weights after {step} of "
            f"{config.run.steps} steps ({describe_stages(config)}). All of the config is in `config.json`.",
            "",
            *(f"- {kind} data: {'; '.join(seen) or 'not noted in the workdir'}" for kind, seen in read_data(workdir).items()),
            "",
            "## Measured",
            "",
            *_measured(workdir, step),
            "",
            "## Limits",
            "",
            "What it draws is plausible, not known: detail that the blur has taken away is made up. Do not take it for "
            "evidence (faces, number plates, medical or forensic images). On blur unlike its training data's it is worse.",
            "",
            "## Checksums",
            "",
            "SHA-256 of the weights; `sha256sum -c SHA256SUMS` checks every file.",
            "",
            *(f"- `{file}`: `{checksum}`" for file, checksum in checksums.items()),
            "",
        ]
    )


def _settings(settings, presets):
    """The table of settings by signature; for a system that has none, a sentence."""
    names = [field.name for field in dataclasses.fields(settings)]
    if not names:
        return ["There are none: the model gives one answer, at once."]
    rows = [
        f"| `serving_{name or 'default'}`, `restore{name and '_' + name}` | "
        + " | ".join(str(value) for value in dataclasses.astuple(chosen))
        + " |"
        for name, chosen in {"": settings, **presets}.items()
    ]
    return ["| signatures | " + " | ".join(names) + " |", "|---|" + "---|" * len(names), *rows]


def _tensors(specs):
    return ", ".join(f"{name} {_layout(spec)}" for name, spec in specs.items())


def _layout(spec):
    return f"{spec.dtype.name} [{', '.join('?' if size is None else str(size) for size in spec.shape)}]"


def _measured(workdir, step):
    """Lines on the run's best validation, which is that of these weights or of others."""
    best = read_best(workdir)
    if best is None:
        return ["Nothing: the run has not been validated."]
    numbers = {name: value for name, value in json.loads(best_file(workdir).read_text()).items() if name != "step"}
    whose = "of these weights" if best == step else f"after {best} steps, the best of the run; these weights are others"
    return [f"Validation during training, {whose}:", "", *(f"- {name}: {value:.4g}" for name, value in numbers.items())]
