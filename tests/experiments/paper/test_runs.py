"""Training of the variants: each once, after the variant that it starts from."""

import shutil

import pytest
from paper_stand_ins import OneModelScale

from icdpm.errors import IcdpmError
from icdpm.models.workdir import read_config
from icdpm.training.strategy import make_strategy
from icdpm_experiments.paper.models import ComparedModel, Variant
from icdpm_experiments.paper.runs import Runs

pytestmark = pytest.mark.slow


def test_a_variant_is_trained_once(tmp_path, micro_workdir, random_pairs, monkeypatch):
    config, strategy, trained = read_config(micro_workdir), make_strategy("single"), []

    def train(given, workdir, training, validation, on):
        trained.append((given is config, workdir, training is random_pairs, len(validation), on is strategy))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    runs = Runs(OneModelScale(config, random_pairs), strategy, tmp_path)
    assert not runs.is_trained("table8_e")
    # Table 8 (e) is Table 2 (c).
    runs.train("table8_e")
    runs.train("table2_c")
    assert trained == [(True, tmp_path / "micro/table2_c", True, 2, True)]
    # A run that stopped early goes on; a signal ends the command by its own exit status.
    config.run.steps = 7
    monkeypatch.setattr("icdpm_experiments.paper.runs.train", lambda *_: 15)
    with pytest.raises(SystemExit) as ended:
        runs.train("table2_c")
    assert ended.value.code == 128 + 15


def test_second_stages_start_from_their_first_and_use_the_same_data(tmp_path, micro_workdir, random_pairs, monkeypatch):
    trained = []

    class Scale(OneModelScale):
        def training_pairs(self, dataset="gopro"):
            return dataset

    def train(config, workdir, training, validation, strategy, **further):
        trained.append((workdir.name, training, *further.values()))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    runs = Runs(Scale(read_config(micro_workdir), random_pairs), make_strategy("single"), tmp_path)
    for variant in ("hidiff_realblur_r", "hidiff_gopro", "hidiff_ablation_split", "hidiff_ablation_full"):
        runs.train(variant)
    assert trained == [
        ("hidiff_realblur_r_stage1", "realblur_r"),
        ("hidiff_realblur_r", "realblur_r", tmp_path / "micro/hidiff_realblur_r_stage1"),
        ("hidiff_gopro_stage1", "gopro"),
        ("hidiff_gopro", "gopro", tmp_path / "micro/hidiff_gopro_stage1"),
        ("hidiff_ablation_stage1", "gopro"),
        ("hidiff_ablation_split", "gopro", tmp_path / "micro/hidiff_ablation_stage1"),
        ("hidiff_ablation_full", "gopro", tmp_path / "micro/hidiff_ablation_stage1"),
    ]


def test_fine_tuned_variants_start_from_a_trained_one(tmp_path, micro_workdir, random_pairs, monkeypatch):
    trained = []

    def train(config, workdir, training, validation, strategy, **further):
        trained.append((workdir.name, further))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    scale = OneModelScale(read_config(micro_workdir), random_pairs)
    scale.target_pairs = lambda: random_pairs
    Runs(scale, make_strategy("single"), tmp_path).train("fig9_aligned")
    further = {"start_from": tmp_path / "micro/table2_c", "target_pairs": random_pairs}
    assert trained == [("table2_c", {}), ("fig9_aligned", further)]


def test_a_variant_has_a_seed_and_a_number_of_steps(tmp_path, micro_workdir, random_pairs):
    assert Variant.parse("table2_a_steps900_seed2") == Variant("table2_a", 900, 2)
    assert (
        str(Variant("table2_a", 900, 2)) == "table2_a_steps900_seed2"
        and str(Variant.parse("table8_e_seed1")) == "table2_c_seed1"
    )
    config = read_config(micro_workdir)
    config.optimizer.learning_rate_decay, config.run.steps = (300, 600), 600
    scale = OneModelScale(config, random_pairs)
    scale.config = lambda variant: config.copy_and_resolve_references()
    runs = Runs(scale, make_strategy("single"), tmp_path)
    made = runs.config("table8_a_steps900_seed2")
    assert (made.seed, made.run.steps, made.optimizer.learning_rate_decay) == (2, 900, (450, 900))
    assert runs.config("table2_a") == config and runs.workdir("table8_a_seed1") == tmp_path / "micro/table2_a_seed1"
    assert runs.training_steps("table2_a_steps900") == 900 and runs.training_steps("hidiff_gopro") == 1200


def test_untrained_variants_are_left_out_on_request(tmp_path, micro_workdir, random_pairs):
    scale = OneModelScale(read_config(micro_workdir), random_pairs)
    scale.seeds = 2
    runs = Runs(scale, make_strategy("single"), tmp_path, trained_only=True)
    shutil.copytree(micro_workdir, runs.workdir("table2_a_seed1"))
    models = {"(a)": ComparedModel("table2_a"), "(a), other seed": ComparedModel("table2_a_seed1")}
    assert list(runs.usable(models)) == ["(a), other seed"] and runs.seeds_of("table2_a") == ["table2_a_seed1"]
    assert runs.untrained_notes(models) == ["Not trained yet, so without values: (a) (table2_a)."]
    with pytest.raises(IcdpmError, match="table2_a is not trained to its end. Leave out TRAINED_ONLY"):
        runs.load_model("table2_a")
    assert Runs(scale, make_strategy("single"), tmp_path).usable(models) == models


def test_the_cost_of_a_step_is_measured_and_counted(runs):
    cost = runs.training_cost("table2_a")
    assert cost["GFLOP"] > 0 and (cost["ms"] is None or cost["ms"] > 0)
    assert runs.step_flops("table2_a_steps9_seed1") == runs.step_flops("table2_a")
