"""Where `make demo` trains, for what uses its model."""

import hashlib
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.systems.config import config_to_json
from icdpm.systems.workdir import config_file
from icdpm.training.configs import load_config
from icdpm_experiments.configs import config_path


def demo_workdir(config):
    """The workdir of the demo with a config: another config, another folder."""
    return Path("demo") / f"run-{hashlib.sha256(config_to_json(config).encode()).hexdigest()[:8]}"


def demo_model():
    """The workdir of the demo's trained model. Raises IcdpmError where `make demo` has not been run."""
    workdir = demo_workdir(load_config(config_path("tiny")))
    if not config_file(workdir).is_file():
        raise IcdpmError(f"there is no model in {workdir} yet: run make demo first, or name a trained one by WORKDIR=FOLDER")
    return workdir
