"""Writes MODEL_CARD.md, the description of an exported model."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

import icdpm
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.schedules import describe_stages
from icdpm.models.settings import Settings
from icdpm.models.workdir import best_file, read_best, read_data
from icdpm.serving.signatures import Signature, input_specs


def model_card(
    *,
    workdir: str | os.PathLike,
    step: int,
    model: ImageRestorer,
    signatures: Mapping[str, Any],
    extra: Sequence[Signature],
    settings: Settings,
    presets: Mapping[str, Settings],
    seed: int,
    max_pixels: int,
    checksums: Mapping[str, str],
) -> str:
    """Returns the model card as Markdown.

    Args:
      workdir: folder of the run.
      step: step of the checkpoint.
      model: the exported model.
      signatures: {name: concrete function} of all signatures.
      extra: those of them that the model class adds (`ImageRestorer.extra_signatures`).
      settings: see `icdpm.serving.signatures.all_signatures`.
      presets: see `icdpm.serving.signatures.all_signatures`.
      seed: see `icdpm.serving.signatures.all_signatures`.
      max_pixels: see `icdpm.serving.signatures.all_signatures`.
      checksums: {file: SHA-256 of its weights}.
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
            "| signature | inputs | outputs |",
            "|---|---|---|",
            *(
                f"| `{name}` | {_describe_tensors(input_specs(graph))} | {_describe_tensors(graph.structured_outputs)} |"
                for name, graph in signatures.items()
            ),
            "",
            "- `serving_…`: `image_bytes` takes PNG or JPEG files and returns PNG files of the same kind (gray or RGB, alpha, "
            '8 or 16 bits). `error` is "" or a message, and then the PNG is empty: an invalid image does not fail its batch. '
            "EXIF orientation is not applied.",
            "- `restore…`: sRGB in [0, 1].",
            *(f"- `{each.name}`: {each.description}" for each in extra),
            f"- Height and width are arbitrary, up to {max_pixels} pixels per image. Each image is restored on its own.",
            "",
            "## Settings, fixed at export",
            "",
            *_settings_table(settings, presets),
            "",
            f"Seed {seed}: the same image always gives the same result. Compute precision: {config.precision}.",
            "",
            "## Training",
            "",
            f"{parameters:,} parameters; the average (EMA, decay {config.optimizer.ema_decay}) of the weights after {step} of "
            f"{config.run.steps} steps ({describe_stages(config)}). `config.json` is the complete config.",
            "",
            *(
                f"- {kind} data: {'; '.join(names) or 'not recorded in the workdir'}"
                for kind, names in read_data(workdir).items()
            ),
            "",
            "## Validation",
            "",
            *_validation_lines(workdir, step),
            "",
            "## Limits",
            "",
            "Restored detail is plausible, not certain: where blur has removed detail, the model invents it. Do not use it as "
            "evidence (faces, number plates, medical or forensic images). Quality is lower on blur that differs from the "
            "training data.",
            "",
            "## Checksums",
            "",
            "SHA-256 of the weights; `sha256sum -c SHA256SUMS` checks all files.",
            "",
            *(f"- `{file}`: `{checksum}`" for file, checksum in checksums.items()),
            "",
        ]
    )


def _settings_table(settings, presets):
    """Returns the lines of the table of settings, or a sentence for a model without settings."""
    names = [field.name for field in dataclasses.fields(settings)]
    if not names:
        return ["None: the model restores an image in one evaluation."]
    rows = [
        f"| `serving_{name or 'default'}`, `restore{name and '_' + name}` | "
        + " | ".join(str(value) for value in dataclasses.astuple(chosen))
        + " |"
        for name, chosen in {"": settings, **presets}.items()
    ]
    return ["| signatures | " + " | ".join(names) + " |", "|---|" + "---|" * len(names), *rows]


def _describe_tensors(specs):
    return ", ".join(f"{name} {_describe_shape(spec)}" for name, spec in specs.items())


def _describe_shape(spec):
    return f"{spec.dtype.name} [{', '.join('?' if size is None else str(size) for size in spec.shape)}]"


def _validation_lines(workdir, step):
    """Returns lines about the run's best validation, which may be of another checkpoint."""
    best = read_best(workdir)
    if best is None:
        return ["The run has not been validated."]
    scores = {
        name: value for name, value in json.loads(best_file(workdir).read_text(encoding="utf-8")).items() if name != "step"
    }
    subject = "of these weights" if best == step else f"of the best checkpoint, after {best} steps; these weights differ"
    return [f"Validation during training, {subject}:", "", *(f"- {name}: {value:.4g}" for name, value in scores.items())]
