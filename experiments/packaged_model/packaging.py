"""A trained workdir made small enough to be part of a package."""

import json
import shutil
from pathlib import Path

import numpy as np

from icdpm.files import make_folder_atomically
from icdpm.metrics.psnr import psnr
from icdpm.models.config import config_to_json
from icdpm.models.weights import read_weights, save_weights
from icdpm.models.workdir import (
    checkpoint_steps,
    config_file,
    data_file,
    load,
    presets_file,
    read_config,
    read_data,
    weights_file,
)
from icdpm.restoration.restore import restore
from icdpm_experiments.packaged_model.model_card import write_model_card
from icdpm_experiments.pairs import select_blurred
from icdpm_experiments.sweeping.preset_search import search_presets
from icdpm_experiments.sweeping.sweep import Journal


def package(runs, target, validation_pairs, data_folder):
    """Puts the mean weights of the last two runs, in half precision, the config, what was seen and presets into a workdir.

    The mean is of the runs' latest averages. The last run began with those of the one before, and what lies between two such is
    often better than either (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Args:
      runs: workdirs of the runs, each of which began with the weights of the one before it; two or more.
      target: folder of the packaged model, which is replaced.
      validation_pairs: a `PairSource`, by which the model's own presets are chosen too.
      data_folder: folder of the training data, whose place on this machine nobody needs to know.

    Returns:
      By how much the half precision changes the mean PSNR over the validation pairs, in dB.
    """
    workdir = runs[-1]
    step = checkpoint_steps(workdir)[-1]
    weights = mean_weights(runs[-2:])
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with make_folder_atomically(new) as folder:
        weights_file(folder, step).parent.mkdir(parents=True)
        config_file(folder).write_text(config_to_json(read_config(workdir)))
        seen = {
            kind: [each.replace(f"{data_folder}/", "") for each in descriptions]
            for kind, descriptions in read_data(workdir).items()
        }
        data_file(folder).write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n")
        psnrs = []
        for precision in (np.float32, np.float16):
            save_weights(weights_file(folder, step), weights, precision)
            packaged = load(folder, step)
            psnrs.append(validation_psnr(packaged, validation_pairs))
        change = psnrs[1] - psnrs[0]
        journal = Journal(Path(workdir) / "presets.jsonl")
        search_presets(packaged, select_blurred(validation_pairs), journal, presets_file(folder))
        write_model_card(folder, runs, change)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return change


def mean_weights(runs):
    """{name: float32 array}: the mean of the latest averaged weights of runs of one architecture."""
    kept = [read_weights(weights_file(run, checkpoint_steps(run)[-1])) for run in runs]
    return {name: np.mean([each[name] for each in kept], axis=0) for name in kept[0]}


def validation_psnr(model, pairs):
    """Mean PSNR of one sample by the config's settings over pairs, in dB."""
    settings = model.settings()
    values = []
    for index in range(len(pairs)):
        blurry, sharp = pairs.load(index)
        values.append(psnr(restore(model, blurry, settings).pixels, sharp))
    return float(np.mean(values))
