"""The Keras contract of every model, on Keras 2 and Keras 3."""

import contextlib
import functools
import json
import os
import random
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import completed
from small_models import MODELS, small_config

import icdpm
from icdpm.errors import IcdpmError
from icdpm.keras import KERAS_3, keras
from icdpm.models.registry import build_model
from icdpm.models.regression import Regression
from icdpm.models.weights import named_variables

pytestmark = pytest.mark.slow

WITH_GRAPHS = ("icdpm",)
HERE = Path(__file__).parent
PYTHONPATH = f"{HERE}:{HERE.parent / 'custom_model'}"  # of the processes that tests start


def images(count=4, height=16, width=16, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def pairs(name, count=8):
    """Returns a dataset of (blurry, sharp), or of dicts if the model needs a third image."""
    blurry, sharp = images(count), images(count, seed=1)
    data = {"blurry": blurry, "sharp": sharp, "target": sharp[::-1]} if name == "aligned_icdpm" else (blurry, sharp)
    return tf.data.Dataset.from_tensor_slices(data).batch(4)


def built(name, precision="float32", **changes):
    config = small_config(name, precision)
    config.update(changes)
    return build_model(config)


def compiled(name, precision="float32"):
    """Returns a model compiled without a graph of its step, for tests of what surrounds the step: tracing takes longest."""
    model = built(name, precision)
    model.compile(run_eagerly=True)
    return model


def loaded(path):
    return keras.models.load_model(path)


@contextlib.contextmanager
def without_graphs():
    """Runs the model's own functions without tracing them, which takes seconds for a new model."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def assert_equal_weights(one, other):
    for first, second in zip(named_variables(one).values(), named_variables(other).values()):
        np.testing.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def fitted():
    """Returns a function name → (model after two epochs, history). Tests leave the model as it is.

    Graphs of the other models' steps are traced in test_front_ends, test_hidiff and the tests of icdpm-train.
    """
    results = {}

    def fitted(name):
        if name not in results:
            model = built(name)
            model.compile(run_eagerly=name not in WITH_GRAPHS)
            results[name] = model, model.fit(pairs(name), validation_data=pairs(name), epochs=2, verbose=0).history
        return results[name]

    return fitted


@pytest.mark.parametrize("name", MODELS)
def test_a_model_trains_restores_and_comes_back(name, fitted, tmp_path):
    model, history = fitted(name)
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    for variables in (model.trainable_variables, model.non_trainable_variables):  # Keras 3's total includes the optimizer's
        assert f"{sum(int(np.prod(variable.shape)) for variable in variables)}" in "".join(lines).replace(",", "")
    assert isinstance(model, keras.Model) and model.metrics and model.losses == []
    assert {"loss", "val_loss", "val_psnr", *(f"{loss}_loss" for loss in model.loss_names)} <= history.keys()
    assert all(np.isfinite(values).all() and len(values) == 2 for values in history.values())
    assert int(model.optimizer.iterations) == 4 and model.optimizer.averages_in_use

    blurry = images(3, 19, 13, seed=2)
    restored = model.predict(blurry, batch_size=2, verbose=0)
    assert restored.shape == blurry.shape and restored.dtype == np.float32 and np.abs(restored).max() <= 1
    np.testing.assert_array_equal(model.predict(tf.data.Dataset.from_tensor_slices(blurry).batch(2), verbose=0), restored)
    # Outside a graph and in another batch, TensorFlow rounds differently.
    np.testing.assert_allclose(model(blurry[1:2]), restored[1:2], atol=1e-4)

    model.save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    again.run_eagerly = model.run_eagerly
    assert type(again) is type(model) and again.get_config() == model.get_config()
    if name in WITH_GRAPHS:
        np.testing.assert_array_equal(again.predict(blurry, batch_size=2, verbose=0), restored)
    else:
        with without_graphs():
            np.testing.assert_array_equal(*(each.predict(blurry, batch_size=2, verbose=0) for each in (model, again)))
    model.save_weights(tmp_path / "model.weights.h5")
    other = type(model).from_config(model.get_config())
    assert other.config == model.config
    for variable in named_variables(other).values():
        variable.assign(tf.zeros_like(variable))
    other.load_weights(tmp_path / "model.weights.h5")
    assert named_variables(other).keys() == named_variables(model).keys()
    assert_equal_weights(other, model)


@pytest.mark.parametrize("name", ["icdpm", "naf", "hidiff", "own"])
def test_a_model_trains_and_restores_in_bfloat16(name):
    model = compiled(name, precision="mixed_bfloat16")
    assert np.isfinite(model.fit(pairs(name, 4), epochs=1, verbose=0).history["loss"]).all()
    restored = model.predict(images(1, 19, 13), verbose=0)
    assert restored.shape == (1, 19, 13, 3) and restored.dtype == np.float32 and np.abs(restored).max() <= 1
    for variable in named_variables(model).values():
        assert variable.dtype == tf.float32


@pytest.mark.parametrize("name", ["icdpm", "hidiff"])
def test_fit_repeats(name, fitted):
    again = built(name)
    again.compile(run_eagerly=name not in WITH_GRAPHS)
    history = again.fit(pairs(name), epochs=2, verbose=0).history
    model, expected = fitted(name)
    assert_equal_weights(again, model)
    assert history["loss"] == expected["loss"]


@pytest.mark.parametrize("name", ["icdpm", "hidiff"])
def test_networks_are_models_of_their_own(name):
    model = built(name)
    networks = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    assert len(networks) >= 2
    for network in networks:
        network.summary(print_fn=lambda *_, **__: None)
        again = type(network).from_config(network.get_config())
        assert again.get_config() == network.get_config()
    unet = model.unet if name == "icdpm" else None
    if unet is not None:
        again = type(unet).from_config(unet.get_config())
        inputs = tf.zeros([1, 16, 16, 6]), tf.zeros([1]), {1: tf.zeros([1, 8, 8, 4])}
        again(*inputs)
        assert [tuple(v.shape) for v in again.variables] == [tuple(v.shape) for v in unet.variables]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", keras.optimizers.Adam(1e-3, clipnorm=1.0)])
def test_any_optimizer_of_keras_trains(optimizer):
    model = built("regression")
    model.compile(optimizer=optimizer, run_eagerly=optimizer != "adam")
    before = model.get_weights()
    history = model.fit(pairs("regression"), validation_data=pairs("regression"), epochs=1, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert any((one != other).any() for one, other in zip(before, model.get_weights()))


@pytest.mark.skipif(KERAS_3, reason="tensorflow-addons is for TensorFlow 2.15")
@pytest.mark.parametrize("kind", ["AdamW", "MovingAverage"])
def test_optimizers_of_tensorflow_addons_train(kind):
    import tensorflow_addons as tfa

    adam = tfa.optimizers.AdamW(weight_decay=1e-4, learning_rate=1e-3)
    model = built("regression")
    optimizer = adam if kind == "AdamW" else tfa.optimizers.MovingAverage(keras.optimizers.legacy.Adam(1e-3))
    model.compile(optimizer=optimizer, run_eagerly=True)
    assert np.isfinite(model.fit(pairs("regression"), epochs=1, verbose=0).history["loss"]).all()


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 scales gradients in a method of its own")
@pytest.mark.parametrize("kind", ["factor", "dynamic"])
def test_optimizers_that_scale_the_loss_take_the_same_steps(kind):
    models = [compiled("regression") for _ in range(2)]
    models[0].compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    scaling = keras.optimizers.SGD(0.01, loss_scale_factor=1024.0)
    if kind == "dynamic":
        scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=1024.0)
    models[1].compile(scaling, run_eagerly=True)
    for model in models:
        model.fit(pairs("regression"), epochs=1, verbose=0)
    for one, other in zip(*(model.get_weights() for model in models)):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_optimizer_belongs_to_one_model(tmp_path):
    first, second = compiled("regression"), built("regression")
    with pytest.raises(IcdpmError, match="The optimizer belongs to another model"):
        second.compile(optimizer=first.optimizer)
    first.compile(optimizer=first.optimizer, run_eagerly=True)
    first.fit(pairs("regression", 4), epochs=1, verbose=0)
    first.save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    assert again.optimizer is not first.optimizer and int(again.optimizer.iterations) == 1


def test_a_model_without_trainable_weights_cannot_be_trained():
    model = built("regression")
    model.trainable = False
    model.compile(run_eagerly=True)  # Keras 2 trains what was trainable in compile()
    with pytest.raises(IcdpmError, match="The model has no trainable weights"):
        model.fit(pairs("regression", 4), verbose=0)
    assert np.isfinite(model.evaluate(pairs("regression", 4), verbose=0)).all()


def test_compiled_and_several_steps_at_once_are_the_same_run(fitted):
    other = built("icdpm")
    other.compile(steps_per_execution=2, jit_compile=True)
    other.fit(pairs("icdpm"), epochs=2, verbose=0)
    for one, two in zip(fitted("icdpm")[0].get_weights(), other.get_weights()):
        np.testing.assert_allclose(one, two, atol=2e-4)


def test_accumulation_divides_a_batch():
    config = small_config("icdpm")
    config.optimizer.accumulation = 2
    model = build_model(config)
    model.compile(run_eagerly=True)
    assert np.isfinite(model.fit(pairs("icdpm"), epochs=1, verbose=0).history["loss"]).all()


def test_accumulation_also_divides_a_last_batch_that_is_smaller():
    models = {}
    for parts in (1, 2, 4):
        config = small_config("regression")
        config.optimizer.accumulation = parts
        models[parts] = build_model(config)
        models[parts].compile("sgd")
    start = models[1].get_weights()
    for batch, divisions in ((7, (2, 4)), (6, (4,)), (3, (4,))):
        data = tf.data.Dataset.from_tensor_slices((images(batch), images(batch, seed=1))).batch(8)
        for parts in (1, *divisions):
            models[parts].set_weights(start)
            models[parts].fit(data, epochs=1, verbose=0)
        for parts in divisions:
            for one, other in zip(models[1].get_weights(), models[parts].get_weights()):
                np.testing.assert_allclose(one, other, atol=1e-6, err_msg=f"{batch} examples in {parts} parts")


def test_an_evaluation_does_not_depend_on_the_batch_size():
    model = built("icdpm")
    model.compile("sgd")
    data = tf.data.Dataset.from_tensor_slices((images(5), images(5, seed=1)))
    first, *others = (model.evaluate(data.batch(batch), return_dict=True, verbose=0) for batch in (5, 1, 4))
    for other in others:
        assert other == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("size", [(19, 13), (16, 16)])
def test_the_psnr_of_an_evaluation_is_that_of_what_predict_returns(size):
    model = built("regression")
    model.compile("sgd")
    blurry, sharp = images(2, *size), images(2, *size, seed=1)
    levels = [np.round((each.astype(np.float64) + 1) * 127.5) for each in (model.predict(blurry, verbose=0), sharp)]
    expected = np.mean(10 * np.log10(255**2 / np.mean((levels[0] - levels[1]) ** 2, axis=(1, 2, 3))))
    measured = model.evaluate(blurry, sharp, batch_size=2, verbose=0, return_dict=True)["psnr"]
    assert measured == pytest.approx(expected, abs=1e-4)


def test_single_batches_are_measured_and_restored_with_the_averages():
    model, other = compiled("regression"), compiled("regression")
    model.fit(pairs("regression", 4), epochs=2, verbose=0)
    model.train_on_batch(images(4), images(4, seed=1))
    other.set_weights(model.get_weights())  # the averages
    with without_graphs():
        restored = [each.predict_on_batch(images(2)) for each in (model, other)]
        measured = [each.test_on_batch(images(4), images(4, seed=1), return_dict=True) for each in (model, other)]
    np.testing.assert_array_equal(*restored)
    assert measured[0] == pytest.approx(measured[1])
    assert not model.optimizer.averages_in_use


def test_datasets_may_leave_their_shapes_open():
    def examples():
        yield images(2), images(2, seed=1)

    open_shapes = tf.data.Dataset.from_generator(examples, output_types=(tf.float32, tf.float32))
    assert open_shapes.element_spec[0].shape.rank is None
    data = tf.data.Dataset.from_tensors((images(2), images(2, seed=1)))
    model = built("regression")
    model.compile("sgd")
    np.testing.assert_array_equal(*(model.predict(each, verbose=0) for each in (open_shapes, data)))
    assert model.evaluate(open_shapes, verbose=0) == model.evaluate(data, verbose=0)
    assert np.isfinite(model.fit(open_shapes, epochs=1, verbose=0).history["loss"]).all()


@pytest.mark.skipif(KERAS_3, reason="Keras 3 does not choose a mode for the PSNR")
def test_callbacks_that_would_keep_the_worst_psnr_are_named(tmp_path):
    model = built("regression")
    model.compile("sgd", run_eagerly=True)
    checkpoint = functools.partial(keras.callbacks.ModelCheckpoint, str(tmp_path / "best.keras"), save_best_only=True)
    data = pairs("regression", 4)
    for kind in (keras.callbacks.EarlyStopping, checkpoint):
        with pytest.warns(UserWarning, match='takes the smallest val_psnr for the best. Pass mode="max"') as warned:
            model.fit(data, validation_data=data, callbacks=[kind("val_psnr")], verbose=0)
        assert warned[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.fit(data, validation_data=data, callbacks=[kind("val_psnr", mode="max"), kind("val_loss")], verbose=0)


def test_early_stopping_restores_the_averages_that_were_measured():
    model = built("regression")
    model.compile()
    # This PSNR grows, so that the first epoch is the best one.
    stop = keras.callbacks.EarlyStopping("val_psnr", mode="min", patience=1, restore_best_weights=True)
    history = model.fit(pairs("regression"), validation_data=pairs("regression"), epochs=5, callbacks=[stop], verbose=0).history
    first, last = history["val_psnr"]
    measured = model.evaluate(pairs("regression"), verbose=0, return_dict=True)["psnr"]
    assert measured == pytest.approx(first, abs=1e-4) and abs(first - last) > 1e-2


def test_what_would_have_no_effect_is_refused():
    model = built("regression")
    for option in ({"loss": "mse"}, {"metrics": ["mae"]}):
        with pytest.raises(IcdpmError, match="computes its own losses"):
            model.compile("sgd", **option)
    model.compile()
    with pytest.raises(IcdpmError, match="^Every example has the same weight"):
        model.fit(images(), images(), sample_weight=np.ones(4), shuffle=False, verbose=0)
    for callback in (keras.callbacks.ReduceLROnPlateau(), keras.callbacks.LearningRateScheduler(lambda epoch: 1e-4)):
        with pytest.raises(IcdpmError, match=f"{type(callback).__name__} cannot change"):
            model.fit(pairs("regression"), callbacks=[callback], verbose=0)
        with pytest.raises(IcdpmError, match=f"{type(callback).__name__} cannot change"):
            model.fit(images(), images(), 4, 2, 0, [callback], shuffle=False)
        with pytest.raises(IcdpmError, match=f"{type(callback).__name__} cannot change"):
            model.fit(pairs("regression"), callbacks=keras.callbacks.CallbackList([callback], model=model), verbose=0)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (images()[0], "RGB with the shape"),
        (images()[..., :1], "RGB with the shape"),
        (np.zeros([2, 16, 16, 4], np.uint8), "RGB with the shape"),
        (np.zeros([2, 16, 16, 3], np.int32), "uint8, uint16 or float"),
        (images() * 127.5 + 127.5, "Images of floats must be in"),
    ],
    ids=["one image", "gray", "alpha", "int32", "floats to 255"],
)
def test_images_of_another_kind_are_refused(wrong, message):
    model = built("regression")
    error = tf.errors.InvalidArgumentError if wrong.max() > 2 else IcdpmError
    with pytest.raises(error, match=message):
        model.predict(wrong, verbose=0)


@pytest.mark.parametrize("name", ["model", "model.h5"])
def test_other_formats_are_refused(name, tmp_path):
    with pytest.raises(IcdpmError, match="end in .keras"):
        built("regression").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_bytes_are_images_too():
    levels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    model = built("regression")
    values = levels.astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_allclose(model.predict(levels, verbose=0), model.predict(values, verbose=0), atol=1e-5)
    model.compile(run_eagerly=True)
    # Keras shuffles arrays without a seed, which TensorFlow refuses after a deterministic run in the same process.
    assert np.isfinite(model.fit(levels, levels, epochs=1, shuffle=False, verbose=0).history["loss"]).all()


def test_batches_that_are_no_pairs_are_named():
    model = built("regression")
    model.compile()
    with pytest.raises(IcdpmError, match="no 'sharp'"):
        model.train_step((tf.zeros([4, 16, 16, 3]),))
    for sharp in (tf.zeros([1, 16, 16, 3]), tf.zeros([4, 8, 16, 3])):
        with pytest.raises(IcdpmError, match=r"must have the same shape. Received: \(4, 16, 16, 3\) and \("):
            model.train_step((tf.zeros([4, 16, 16, 3]), sharp))


def test_a_model_from_its_constructor_builds_its_weights():
    models = [Regression(small_config("regression")) for _ in range(2)]
    with without_graphs():
        assert models[0].predict(images(1), verbose=0).shape == (1, 16, 16, 3)
        models[1].compile()
        assert np.isfinite(models[1].fit(pairs("regression", 4), verbose=0).history["loss"]).all()


def test_training_on_a_batch_continues_a_fit():
    one, other = compiled("regression"), compiled("regression")
    one.fit(pairs("regression", 4), epochs=3, verbose=0)
    other.fit(pairs("regression", 4), epochs=2, verbose=0)
    other.train_on_batch(images(4), images(4, seed=1))
    for expected, array in zip(one.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(expected, array)
    levels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    with without_graphs():
        np.testing.assert_array_equal(one.restore(levels), other.restore(levels))


def test_weights_that_cannot_be_loaded_change_nothing(fitted, tmp_path):
    model, _ = fitted("regression")
    before = model.get_weights()
    with pytest.raises((OSError, ValueError)):
        model.load_weights(tmp_path / "absent.weights.h5")
    for expected, array in zip(before, model.get_weights()):
        np.testing.assert_array_equal(expected, array)


def test_predict_is_restore_with_the_seed_of_the_config():
    model = built("icdpm")
    levels = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    restored = np.round((model.predict(levels[None], verbose=0)[0].astype(np.float64) + 1) * 127.5)
    np.testing.assert_array_equal(restored, model.restore(levels, seed=model.config.seed))


class Stop(keras.callbacks.Callback):
    """Aborts a run after an epoch, as a crash does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_callbacks_of_keras(tmp_path):
    model = compiled("regression")
    best = keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="val_psnr", mode="max", save_best_only=True)
    callbacks = [
        keras.callbacks.TensorBoard(str(tmp_path / "logs"), write_graph=False),
        best,
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=1e9),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.TerminateOnNaN(),
    ]
    data = pairs("regression")
    history = model.fit(data, validation_data=data, epochs=5, callbacks=callbacks, verbose=0).history
    assert len(history["loss"]) == 2  # stopped early
    assert list((tmp_path / "logs").rglob("events*")) and "val_psnr" in (tmp_path / "log.csv").read_text()
    assert np.isfinite(loaded(tmp_path / "best.keras").predict(images(1), verbose=0)).all()


def test_backup_and_restore_resumes_at_the_epoch_and_ends_as_if_unbroken(tmp_path):
    unbroken = compiled("icdpm")
    unbroken.fit(pairs("icdpm"), epochs=3, verbose=0)

    backup = [keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))]
    broken = compiled("icdpm")
    with pytest.raises(KeyboardInterrupt):
        broken.fit(pairs("icdpm"), epochs=3, callbacks=[*backup, Stop(2)], verbose=0)
    resumed = compiled("icdpm")
    history = resumed.fit(pairs("icdpm"), epochs=3, callbacks=backup, verbose=0).history
    assert len(history["loss"]) == 1
    for one, other in zip(unbroken.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_saved_model_goes_on_training_where_it_was(tmp_path):
    model = compiled("icdpm")
    model.fit(pairs("icdpm"), epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    again.run_eagerly = True
    for each in (model, again):
        each.fit(pairs("icdpm"), epochs=1, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_saved_model_keeps_the_arguments_of_compile(tmp_path):
    model = built("regression")
    model.compile("sgd", steps_per_execution=3, jit_compile=True)
    model.save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    assert again.jit_compile is True
    steps = again.steps_per_execution if KERAS_3 else again._steps_per_execution.numpy()
    assert steps == 3 and again.get_compile_config() == model.get_compile_config()


def test_a_model_that_is_not_compiled_is_saved_too(tmp_path):
    model = built("regression")
    model.save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_new_process_loads_a_saved_model_without_importing_its_class(start, tmp_path):
    model = built("regression")
    model.save(tmp_path / "model.keras")
    done = completed(start("import icdpm; print(icdpm.load('model.keras').get_weights()[0].sum())", cwd=tmp_path))
    assert done.returncode == 0 and done.stdout.split() == [str(model.get_weights()[0].sum())], done.stderr


def test_keras_files_that_cannot_be_loaded_are_named(tmp_path):
    built("regression").save(tmp_path / "model.keras")
    (tmp_path / "other.keras").write_bytes(b"PK")
    other_keras = {"metadata.json": json.dumps({"keras_version": "2.15.0" if KERAS_3 else "3.11.2"})}
    with zipfile.ZipFile(tmp_path / "model.keras") as model:
        contents = {name: model.read(name) for name in model.namelist()}
    truncated = {"model.weights.h5": contents["model.weights.h5"][:1000]}
    for name, changes in (("moved", other_keras), ("truncated", truncated)):
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as archive:
            for file, content in {**contents, **changes}.items():
                archive.writestr(file, content)
    for name, message in (
        ("absent", "does not exist"),
        ("other", "is not the .keras file of an icdpm model"),
        ("moved", "was saved by Keras .* Workdirs of icdpm-train can be loaded by both"),
        ("truncated", "is damaged .* Save or copy it again"),
    ):
        with pytest.raises(IcdpmError, match=f"{name}.keras {message}"):
            icdpm.load(tmp_path / f"{name}.keras")


def test_nothing_global_is_changed():
    states = random.getstate(), np.random.get_state()[1].tolist(), keras.backend.floatx(), keras.backend.image_data_format()
    built("icdpm")
    icdpm.load()
    now = random.getstate(), np.random.get_state()[1].tolist(), keras.backend.floatx(), keras.backend.image_data_format()
    assert now == states


def test_channels_first_in_keras_json_changes_nothing(tmp_path):
    (tmp_path / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow"}'
    )
    code = f"""
import numpy as np
import tensorflow as tf
from icdpm.keras import keras
from icdpm.models.registry import build_model
from small_models import small_config
tf.config.run_functions_eagerly(True)  # tracing takes longest
assert keras.backend.image_data_format() == "channels_first"
results = {{name: build_model(small_config(name))(np.zeros([1, 16, 16, 3], np.float32)) for name in ("icdpm", "hidiff")}}
np.savez({str(tmp_path / "results.npz")!r}, **results)
"""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "KERAS_HOME": str(tmp_path)}  # read when Keras is imported
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert keras.backend.image_data_format() == "channels_last"
    with without_graphs():
        for name, result in np.load(tmp_path / "results.npz").items():
            np.testing.assert_array_equal(built(name)(np.zeros([1, 16, 16, 3], np.float32)), result)


FIT_ON_REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from icdpm.models.registry import build_model
from small_models import small_config
rng = np.random.default_rng(0)
blurry, sharp = (rng.uniform(-1, 1, (9, 16, 16, 3)).astype(np.float32) for _ in range(2))
data = tf.data.Dataset.from_tensor_slices((blurry, sharp)).batch(4)  # in the last batch, one of two replicas has no example
losses = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope():
        model = build_model(small_config(sys.argv[1]))
        model.compile(optimizer=sys.argv[2] if sys.argv[2:] else None)
    history = model.fit(data, validation_data=data, epochs=2, verbose=0).history
    losses.append(history["val_loss"] + history["loss"])
np.testing.assert_allclose(*losses, rtol=2e-4)
"""


@pytest.mark.parametrize("model_and_optimizer", [["icdpm"], ["regression", "sgd"]], ids=" ".join)
def test_fit_on_two_replicas_is_fit_on_one(model_and_optimizer, start):
    done = completed(start(FIT_ON_REPLICAS, model_and_optimizer, {"PYTHONPATH": PYTHONPATH}))
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_forked_process_must_load_its_own_model(start):
    code = """
import os, sys
import numpy as np
from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model
from small_models import small_config
model = build_model(small_config("regression"))
model.compile()
child = os.fork()
if not child:
    levels, values = np.zeros([8, 8, 3], np.uint8), np.zeros([1, 8, 8, 3], np.float32)
    for use in (lambda: model.restore(levels), lambda: model.predict(values)):
        try:
            use()
        except IcdpmError as error:
            assert "Load the model in the child process" in str(error)
        else:
            os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = completed(start(code, (), {"PYTHONPATH": PYTHONPATH}))
    assert done.returncode == 0, done.stderr[-2000:]
