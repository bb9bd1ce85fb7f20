"""Runs: killed and resumed equals unbroken, signals, locks, callbacks, invalid workdirs."""

import functools
import json
import shutil
import signal
import textwrap
import types

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from processes import completed, free_ports, of_command, wait_until

from icdpm.errors import IcdpmError
from icdpm.keras import variable_name
from icdpm.models.workdir import checkpoint_steps, config_file, load, read_data
from icdpm.training import run
from icdpm.training.run_metadata import changed_data, changed_fields, record_data, save_config
from icdpm.training.workers import Workers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(prepared_runs, run_each, shared_folder):
    """A workdir of two steps, which tests do not modify."""

    def make(folder):
        [done] = run_each("train", [arguments(prepared_runs, folder, "--set=run.steps=2")])
        assert done.returncode == 0, done.stderr

    return shared_folder("trained/run", make)


@pytest.fixture
def folder(tmp_path, prepared_runs):
    """A copy of the prepared folder."""
    return shutil.copytree(prepared_runs, tmp_path / "runs")


def arguments(folder, workdir, *flags, config="regression"):
    return [f"--config={folder / config}.py", f"--data={folder / 'data'}", f"--workdir={folder / workdir}", *flags]


def weights(folder, workdir, step, part="weights"):
    with np.load(folder / workdir / f"checkpoints/step-{step:09d}/{part}.npz") as archive:
        return {name: archive[name] for name in archive.files}


def assert_same(first, second):
    assert first.keys() == second.keys() and len(first) > 10
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


PROGRESSIVE = [
    "--set=data.progressive_steps=(1, 3)",
    "--set=data.progressive_crops=(20, 24)",
    "--set=data.progressive_batches=(3, 2)",
    "--set=data.repeat=2",
]


@pytest.mark.parametrize(
    "config, flags, kill",
    [("guided", ["--set=data.repeat=2"], 4), ("regression", PROGRESSIVE, 2)],
    ids=["guided", "progressive"],
)
def test_killed_and_resumed_equals_unbroken(folder, config, flags, kill, start, run_each):
    # Killed with the checkpoint just there, most likely while the next steps run.
    process = start(of_command("train"), arguments(folder, "broken", *flags, config=config))
    wait_until(lambda: kill in checkpoint_steps(folder / "broken"), [process])
    process.kill()
    process.wait()
    runs = [arguments(folder, workdir, *flags, config=config) for workdir in ("unbroken", "broken", "broken")]
    unbroken, result, once_more = run_each("train", runs)
    assert unbroken.returncode == 0, unbroken.stderr
    assert "trained 6 steps" in unbroken.stdout
    assert result.returncode == 0, result.stderr
    for part in ("weights", "state"):
        assert_same(weights(folder, "unbroken", 6, part), weights(folder, "broken", 6, part))
    # The last checkpoints and the best are kept; nothing half-written is.
    best = json.loads((folder / "broken/checkpoints/best.json").read_text())
    assert best["step"] in (3, 6) and set(checkpoint_steps(folder / "broken")) >= {best["step"], 6}
    assert not list((folder / "broken").rglob(".*-step-*"))
    # The data are recorded once, however often the run was started.
    seen = f"10 pairs in {folder / 'data'}"
    assert read_data(folder / "broken") == {"training": [seen], "validation": [seen]}
    # Another start has nothing to do and reports the same.
    assert once_more.returncode == 0 and "trained 6 steps" in once_more.stdout


def test_sigterm_saves_and_leaves_and_a_second_run_is_refused(folder, start, run_each):
    flags = ["--set=run.steps=100000", "--set=run.checkpoint_every=100000", "--set=run.validate_every=100000"]
    process = start(of_command("train"), arguments(folder, "long", *flags))
    events = folder / "long/tensorboard"
    wait_until(lambda: events.is_dir() and any(p.stat().st_size > 1000 for p in events.iterdir()), [process])
    [second] = run_each("train", [arguments(folder, "long", *flags)])
    assert second.returncode == 1 and "Another run is training" in second.stderr and "Traceback" not in second.stderr
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "the same command continues" in out and len(checkpoint_steps(folder / "long")) == 1


def test_invalid_input_is_a_one_line_error(folder, trained, run_each):
    shutil.copytree(trained, folder / "first")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    blocked = folder / "file"
    blocked.write_text("in the way")
    shutil.copytree(folder / "data", folder / "unpaired")
    (folder / "unpaired/sharp/pair_3.png").rename(folder / "unpaired/sharp/pair_x.png")
    cases = [
        (["--workdir=" + str(folder / "first"), "--set=data.batch=2"], 1, "another config"),
        (["--workdir=" + str(blocked / "workdir")], 1, "cannot be written"),
        (["--data=" + str(folder / "nowhere")], 1, "nowhere"),
        (["--data=" + str(folder / "unpaired")], 1, "pair_3"),
        (["--config=" + str(folder / "none.py")], 1, "an existing .py file"),
        (["--set=data.crop=64"], 1, "too small"),
        (["--set=data.tub=64"], 1, "data.tub"),
        (["--set=data.batch=huge"], 1, "Received: 'huge'"),
        (["--strategy=multiworker"], 1, "TF_CONFIG"),
        (["--tpu=local"], 1, "TPU 'local' cannot be reached"),
        (["--strategy=many"], 2, "strategy"),
        (["--tubs=2"], 2, "tubs"),
        (["more"], 2, "more"),
    ]
    runs = run_each("train", [arguments(folder, "bad", *flags) for flags, _, _ in cases])
    for (flags, status, expected), result in zip(cases, runs):
        assert result.returncode == status, (flags, result.stderr)
        message = result.stderr.strip().splitlines()[-1]
        assert expected in message and "Traceback" not in result.stderr, (flags, result.stderr)
    # Rejected commands leave nothing that blocks the corrected one.
    assert not any(path.is_file() for path in (folder / "bad").rglob("*"))
    [corrected] = run_each("train", [arguments(folder, "bad", "--set=run.steps=1", "--set=data.batch=2")])
    assert corrected.returncode == 0, corrected.stderr
    assert before == {path: path.read_bytes() for path in before} and len(list((folder / "data/blur").iterdir())) == 10


def test_an_image_damaged_after_the_start_is_named(folder, run_each):
    for path in (folder / "data/blur").iterdir():
        path.write_bytes(path.read_bytes()[:-600])
    [result] = run_each("train", [arguments(folder, "damaged")])
    assert result.returncode == 1 and "is damaged" in result.stderr
    assert "Traceback" not in result.stderr, result.stderr


def test_a_step_that_is_not_finite_stops_the_run(folder, run_each):
    flags = [
        "--set=optimizer.learning_rate=1e30",
        "--set=run.checkpoint_every=1",
        "--set=optimizer.learning_rate_ramp=2",
    ]
    [result] = run_each("train", [arguments(folder, "diverging", *flags)])
    assert result.returncode == 1 and "not finite" in result.stderr and "Traceback" not in result.stderr, result.stderr
    stopped = int(result.stderr.split("at step ")[1].split()[0])
    steps = checkpoint_steps(folder / "diverging")
    assert steps and steps[-1] < stopped
    for array in weights(folder, "diverging", steps[0]).values():
        assert np.isfinite(array).all()


def test_a_damaged_config_or_checkpoint_is_named(folder, trained, run_each):
    for workdir in ("checkpoint", "config"):
        shutil.copytree(trained, folder / workdir)
    checkpoint = folder / "checkpoint/checkpoints/step-000000002"
    state = checkpoint / "state.npz"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    config_file(folder / "config").write_text("{")
    flags = ["--set=run.steps=2"]
    runs = run_each("train", [arguments(folder, workdir, *flags) for workdir in ("checkpoint", "config")])
    for result, expected in zip(runs, (str(checkpoint), "config.json")):
        assert result.returncode == 1 and expected in result.stderr and "Traceback" not in result.stderr, result.stderr


@pytest.fixture(scope="module")
def losses_folder(prepared_runs, tmp_path_factory):
    """A copy of the prepared folder."""
    return shutil.copytree(prepared_runs, tmp_path_factory.mktemp("losses") / "runs")


@pytest.fixture(scope="module")
def losses_of_one_device(losses_folder, start):
    """Function (config) -> its losses on one device, measured once."""
    return functools.cache(lambda config: run_losses(start, losses_folder, config, "single"))


@pytest.mark.parametrize(
    "config, strategy, compiled",
    [
        ("guided", "mirrored", False),
        ("regression", "single", True),
        ("regression", "multiworker", False),
        ("regression", "mirrored", True),
    ],
)
def test_strategies_take_the_same_steps(losses_folder, config, strategy, compiled, losses_of_one_device, start):
    """Compares one device, two logical devices and two processes, with and without XLA, over 20 steps in float32."""
    got = run_losses(start, losses_folder, config, strategy, compiled)
    np.testing.assert_allclose(got, losses_of_one_device(config), rtol=1e-4)
    assert len(got) == 20
    # Each replica validates a part.
    runs = f"{config}-{strategy}-{'compiled' if compiled else 'plain'}", f"{config}-single-plain"
    best = [json.loads((losses_folder / run / "checkpoints/best.json").read_text()) for run in runs]
    assert best[0] == pytest.approx(best[1], rel=1e-3, abs=1e-2) and best[0]["step"] == 20


LOSSES = textwrap.dedent(
    """
    import json, os, sys
    from pathlib import Path
    import tensorflow as tf
    config, name, folder, compiled = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "compiled"
    if name == "mirrored":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    from icdpm.training.strategy import is_chief, make_strategy
    strategy = make_strategy(name)
    from icdpm.configs import load_config
    from icdpm.training import run
    from icdpm.training.callbacks import Callback
    from icdpm_datasets.load import load_pairs
    losses = []
    class Losses(Callback):
        def on_step_end(self, step, logs):
            losses.extend([x for name, x in sorted(values.items()) if "loss" in name or "norm" in name] for values in logs)
    if compiled:  # which a run without a GPU does not do
        runner = run.StepRunner
        run.StepRunner = lambda model, strategy, dataset, _: runner(model, strategy, dataset, True)
    changes = ["run.steps=20", "run.validate_every=20", "run.checkpoint_every=20", "run.log_every=10"]
    workdir = folder / "-".join([config, name, sys.argv[4]])
    config = load_config(folder / f"{config}.py", [*changes, "run.steps_per_call=7"] if compiled else changes)
    pairs = load_pairs(str(folder / "data"), "train")
    run.train(config, workdir, pairs, pairs, strategy, callbacks=[Losses()])
    if is_chief(strategy):
        assert strategy.num_replicas_in_sync == (1 if name == "single" else 2)
        print("LOSSES", json.dumps(losses))
    """
)


def run_losses(start, folder, config, strategy, compiled=False):
    environments = [{}]
    if strategy == "multiworker":
        cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
        environments = [
            {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}})} for i in range(2)
        ]
    given = [config, strategy, folder, "compiled" if compiled else "plain"]
    ended = [completed(process) for process in [start(LOSSES, given, environment) for environment in environments]]
    for each in ended:
        assert each.returncode == 0, each.stderr
    line = next(line for line in ended[0].stdout.splitlines() if line.startswith("LOSSES"))
    return np.array(json.loads(line.split(" ", 1)[1]))


def test_checkpoints_need_only_the_workdir(trained, tmp_path):
    workdir = shutil.copytree(trained, tmp_path / "run")
    model = load(workdir)
    saved = weights(tmp_path, "run", 2)
    assert {variable_name(v) for v in model.trainable_variables} == set(saved)
    for variable in model.trainable_variables:
        np.testing.assert_array_equal(variable, saved[variable_name(variable)])
    for checkpoint, expected in [("7", "no checkpoint of step 7"), ("first", "latest, best or a step")]:
        with pytest.raises(IcdpmError, match=expected):
            load(workdir, checkpoint)
    path = workdir / "checkpoints/step-000000002/weights.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(IcdpmError, match="damaged"):
        load(workdir)
    with pytest.raises(IcdpmError, match="not the workdir"):
        load(tmp_path)


def test_changed_data_are_named_and_reset_the_best(folder, run_each):
    shutil.copytree(folder / "data", folder / "hard")
    for path in (folder / "hard/blur").iterdir():
        PIL.Image.fromarray(255 - np.asarray(PIL.Image.open(path))).save(path)
    hard = f"--validation_data={folder / 'hard'}"
    first, same = run_each("train", [arguments(folder, "run", f"--set=run.steps={steps}") for steps in (3, 4)])
    assert first.returncode == same.returncode == 0, first.stderr + same.stderr
    assert "data have changed" not in first.stdout + same.stdout
    best = folder / "run/checkpoints/best.json"
    easy_psnr = json.loads(best.read_text())["psnr"]
    other, again = run_each("train", [arguments(folder, "run", hard, f"--set=run.steps={steps}") for steps in (5, 6)])
    assert other.returncode == again.returncode == 0, other.stderr + again.stderr
    names = [f"10 pairs in {folder / part}" for part in ("data", "hard")]
    assert f"step 4: the validation data have changed from {names[0]} to {names[1]}\n" in other.stdout
    assert "the training data" not in other.stdout and "data have changed" not in again.stdout
    found = json.loads(best.read_text())
    assert found["step"] in (5, 6) and found["psnr"] < easy_psnr
    assert read_data(folder / "run") == {"training": names[:1], "validation": names}


def test_the_data_of_the_previous_start_are_known(tmp_path, micro_config):
    save_config(micro_config, tmp_path)
    assert changed_data(micro_config, tmp_path, ["a"], ["v"]) == {}  # a workdir without data.json
    for training in (["a"], ["b"], ["a"]):
        record_data(tmp_path, None, training, ["v"])
    assert read_data(tmp_path)["training"] == ["b", "a"]
    assert changed_data(micro_config, tmp_path, ["a"], ["v"]) == {}
    assert changed_data(micro_config, tmp_path, ["b"], ["w"]) == {"training": ("a", "b"), "validation": ("v", "w")}
    micro_config.run.validation_images = 7
    counts = "2 images (run.validation_images)", "7 images (run.validation_images)"
    assert changed_data(micro_config, tmp_path, ["a"], ["v"]) == {"validation": counts}


@pytest.mark.parametrize("field", ["seed", "data.batch"])
def test_a_changed_field_is_named(tmp_path, micro_config, field):
    save_config(micro_config, tmp_path)
    micro_config.update_from_flattened_dict({field: 6})
    with pytest.raises(IcdpmError, match=f"another config: {field} differs. Only fields of `run`"):
        changed_fields(micro_config, tmp_path)


def test_a_signal_ends_the_run_without_starting_the_next_stage(micro_config, monkeypatch):
    class Runner:
        def __init__(self, model, strategy, batches, use_xla):
            pass

        def run_steps(self, count):
            signals.received = signal.SIGTERM

    signals = types.SimpleNamespace(received=None)
    started, strategy = [], tf.distribute.get_strategy()
    stages = [types.SimpleNamespace(stop=stop) for stop in (2, 4)]
    monkeypatch.setattr(run, "StepRunner", Runner)
    monkeypatch.setattr(run.StepLogs, "fetch", lambda pending: [{}])
    ended = run._run_stages(None, strategy, micro_config, stages, 0, started.append, [], Workers(strategy), signals)
    assert ended == (1, signal.SIGTERM) and started == stages[:1]


WIDER = "--set=unet.channels=8"


def test_a_run_starts_from_the_averages_of_another(folder, trained, prepared_runs, run_each):
    still = ["--set=optimizer.learning_rate=1e-12", "--set=run.steps=1", f"--start_from={trained}"]
    runs = (
        ["tuned"],
        ["refused", WIDER],
        ["other", WIDER, "--start_from_partial"],
        ["other", WIDER, "--set=run.steps=2", "--start_from=gone"],
    )
    tuned, refused, other, resumed = run_each("train", [arguments(folder, workdir, *still, *flags) for workdir, *flags in runs])
    assert tuned.returncode == 0, tuned.stderr
    first, began = weights(trained.parent, "run", 2), weights(folder, "tuned", 1)
    assert first.keys() == began.keys()
    for name, values in first.items():
        np.testing.assert_allclose(began[name], values, atol=1e-6)
    seen = read_data(folder / "tuned")["training"]
    assert seen == [f"before, in 2 steps: 10 pairs in {prepared_runs / 'data'}", f"10 pairs in {folder / 'data'}"]
    record_data(folder / "third", folder / "tuned", ["2 pairs"], [])
    assert read_data(folder / "third")["training"] == [seen[0], f"before, in 1 steps: {seen[1]}", "2 pairs"]
    # Weights that fit are used and the others are listed. Few are refused, and none are read if there is a checkpoint.
    assert refused.returncode == 1 and "Use their config, micro, or" in refused.stderr, refused.stderr
    assert "--start_from_partial" in refused.stderr and not (folder / "refused/config.json").exists()
    assert resumed.returncode == 0 and checkpoint_steps(folder / "other") == [1, 2], resumed.stderr
    assert read_data(folder / "other")["training"] == seen and "start with the weights" not in resumed.stdout
    assert other.returncode == 0 and "variables start with the weights of" in other.stdout, other.stderr
    assert "; not used: unet/" in other.stdout and "; randomly initialized: unet/" in other.stdout


def test_features_are_aligned_with_images_of_another_domain(folder, micro_workdir, micro_config, write_config, run_each):
    from icdpm.models.config import check_config, default_config

    config = default_config("aligned_icdpm")
    config.update({**micro_config.to_dict(), "model": "aligned_icdpm"})
    write_config(folder / "aligned.py", check_config(config))
    begin = [f"--config={folder / 'aligned.py'}", f"--start_from={micro_workdir}", "--set=run.steps=3"]
    target = f"--target_data={folder / 'data'}"
    without, aligned, unasked = run_each(
        "train",
        [
            arguments(folder, "none", *begin),
            arguments(folder, "aligned", *begin, target),
            arguments(folder, "unasked", target),
        ],
    )
    assert without.returncode == 1 and "needs images of another domain (--target_data)" in without.stderr, without.stderr
    assert not (folder / "none/config.json").exists()
    assert aligned.returncode == 0 and "; randomly initialized: discriminator_1/" in aligned.stdout, aligned.stderr
    assert "discriminator loss" in aligned.stderr and "alignment loss" in aligned.stderr
    before, after = weights(micro_workdir.parent, "micro", 6), weights(folder, "aligned", 3)
    assert before.keys() < after.keys() and any("discriminator" in name for name in after)
    own = f"10 pairs in {folder / 'data'}"
    assert read_data(folder / "aligned")["training"] == [own, f"the blurry pictures alone of {own}"]
    assert unasked.returncode == 1 and "does not use images of another domain" in unasked.stderr
