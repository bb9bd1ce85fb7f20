"""A training run, from config and data to checkpoints."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf
from ml_collections import ConfigDict

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model, model_class
from icdpm.models.schedules import TrainingStage, largest_crop, training_stages
from icdpm.models.weights import load_fitting_weights
from icdpm.models.workdir import checkpoint_steps, choose_step, config_file, read_config, weights_file
from icdpm.storage import storage_path
from icdpm.training.callbacks import (
    Callback,
    FiniteCheck,
    OnFirstSteps,
    PeriodicCheckpoint,
    PeriodicValidation,
    ProgressBar,
    SignalHandler,
    TensorBoardScalars,
    record_validation,
)
from icdpm.training.checkpoints import Checkpoints, lock_workdir
from icdpm.training.loop import StepLogs, StepRunner, end_of_call, needs_logs
from icdpm.training.run_metadata import changed_data, changed_fields, record_data, save_config
from icdpm.training.strategy import check_input, is_chief, silence_first_compilation
from icdpm.training.validation import Validation
from icdpm.training.workers import Workers, lost_workers_as_errors
from icdpm_datasets.pairs import PairSource
from icdpm_datasets.pipeline import training_dataset, validation_dataset
from icdpm_datasets.tf_data_errors import original_errors

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer


def train(
    config: ConfigDict,
    workdir: str | os.PathLike,
    training_pairs: PairSource,
    validation_pairs: PairSource,
    strategy: tf.distribute.Strategy,
    start_from: str | os.PathLike | None = None,
    target_pairs: PairSource | None = None,
    *,
    start_from_partial: bool = False,
    callbacks: Sequence[Callback] = (),
) -> int | None:
    """Trains a model until `config.run.steps`, from the workdir's latest checkpoint if it has one.

    Two runs with the same config and data end with the same weights, and so does a run that was killed and started again. A run
    that is refused, or fails before its first step is done, leaves nothing in its workdir.

        config = icdpm.configs.load_config("tiny")
        pairs = load_pairs("embedded", "train"), load_pairs("embedded", "test")
        train(config, "/tmp/tiny", *pairs, make_strategy("single"))

    Args:
      config: a checked config. It must equal the workdir's config if there is one, except for its `run` section.
      workdir: folder of the run (`icdpm.models.workdir`).
      training_pairs: the pairs to train on, such as `load_pairs(data, "train")`.
      validation_pairs: the pairs for validation, such as `load_pairs(data, "test")`.
      strategy: a strategy of `make_strategy`.
      start_from: workdir of another run, whose latest EMA weights initialize this one where name and shape match; None for
        random weights. A run that has a checkpoint continues from it and does not read this workdir.
      target_pairs: pairs of another domain, of which only the blurry images are used, for models that need them.
      start_from_partial: accept weights of which few fit (`load_fitting_weights`).
      callbacks: called on every worker whenever logs are fetched.

    Returns:
      None, or the number of the signal that ended the run early on any worker.

    Raises:
      IcdpmError: the workdir is in use, damaged or of another config; weights do not fit; values are not finite; workers have
        ended or differ in their arguments; or the hosts of a TPU cannot read the data.
    """
    if model_class(config.model).needs_target != (target_pairs is not None):
        needs = "needs" if target_pairs is None else "does not use"
        raise IcdpmError(f"The model {config.model} {needs} images of another domain (--target_data).")
    check_input(strategy, filter(None, (training_pairs, validation_pairs, target_pairs)))
    chief, workers = is_chief(strategy), Workers(strategy)
    with contextlib.ExitStack() as stack:
        if workers.are_several:
            stack.enter_context(lost_workers_as_errors(workdir))
        stack.enter_context(original_errors())
        if chief:
            stack.enter_context(lock_workdir(workdir))
            changed_fields(config, workdir)
        saved_steps = checkpoint_steps(workdir)
        workers.check_consistent(config, len(training_pairs), saved_steps[-1] if saved_steps else 0)
        if saved_steps:
            start_from = None  # the checkpoint replaces all weights
        else:
            model_class(config.model).check_start(config, read_config(start_from) if start_from else None)
        if config.run.deterministic:
            tf.config.experimental.enable_op_determinism()
        silence_first_compilation()

        model = _build(config, strategy, start_from, start_from_partial, chief)
        checkpoints = Checkpoints(workdir, model, config.run.keep_checkpoints)
        start, steps = checkpoints.restore_latest(), config.run.steps
        if start >= steps:
            workers.wait_for_others()
            return None

        # data.json and the messages describe the data by these strings; a changed string counts as changed data.
        data = [training_pairs.description]
        if target_pairs:
            data.append(f"the blurry pictures alone of {target_pairs.description}")
        changed = changed_data(config, workdir, data, [validation_pairs.description]) if chief and start else {}
        _print_changes(changed, start)

        stages = [stage for stage in training_stages(config) if stage.stop > start]
        _check_batches(config, stages, strategy.num_replicas_in_sync)
        for pairs in filter(None, (training_pairs, target_pairs)):
            pairs.check_crop(largest_crop(config))

        def save_metadata() -> None:
            if "validation" in changed:
                checkpoints.forget_best()
            save_config(config, workdir)
            record_data(workdir, start_from, data, [validation_pairs.description])

        # Every worker checks the logs and takes part in validation; the chief reports and saves.
        validation = _make_validation(model, strategy, config, validation_pairs, stages[-1].batch)
        reports, on_validation_end = [], None
        if chief:
            writer = tf.summary.create_file_writer(str(storage_path(workdir) / "tensorboard"))
            stack.callback(writer.close)
            progress = stack.enter_context(contextlib.closing(ProgressBar(start, steps)))
            reports = [OnFirstSteps(save_metadata), progress, TensorBoardScalars(writer, config.run.log_every)]
            on_validation_end = functools.partial(record_validation, checkpoints, writer)
        called: list[Callback] = [FiniteCheck(model, stages, workdir), *callbacks, *reports]
        called.append(PeriodicValidation(validation, config.run.validate_every, steps, on_validation_end))
        if chief:
            called.append(PeriodicCheckpoint(checkpoints, config.run.checkpoint_every, steps))

        signals = stack.enter_context(contextlib.closing(SignalHandler()))
        datasets = functools.partial(_distribute_batches, strategy, config, start, training_pairs, target_pairs)
        done, received = _run_stages(model, strategy, config, stages, start, datasets, called, workers, signals)
        if received and chief:
            checkpoints.save(done)
        workers.wait_for_others()  # until the chief has saved
        return received or None


def _run_stages(
    model: ImageRestorer,
    strategy: tf.distribute.Strategy,
    config: ConfigDict,
    stages: Sequence[TrainingStage],
    start: int,
    datasets: Callable[[TrainingStage], tf.distribute.DistributedDataset],
    callbacks: Sequence[Callback],
    workers: Workers,
    signals: SignalHandler,
) -> tuple[int, int]:
    """Trains the model through the stages, until they are done or a worker receives a signal.

    Args:
      model: the compiled model.
      strategy: the strategy of the run.
      config: the config of the run.
      stages: the stages that are not done.
      start: number of steps that are done.
      datasets: function of a stage that returns its distributed batches.
      callbacks: called in order whenever logs are fetched.
      workers: the workers of the run.
      signals: the signals of this process.

    Returns:
      (number of steps done, number of the signal that a worker received or 0).
    """
    # On TPUs, TensorFlow compiles everything with XLA itself.
    use_xla = config.run.compile and bool(tf.config.list_physical_devices("GPU"))
    done, pending, received = start, [], 0
    for stage in stages:
        runner = StepRunner(model, strategy, datasets(stage), use_xla)
        while done < stage.stop and not received:
            end = end_of_call(done, config.run, stage.stop)
            pending.append(runner.run_steps(end - done))
            for callback in callbacks:
                callback.on_steps_started(end - done)
            # The first steps are checked too, as they show most errors. Several workers must fetch at the same steps.
            if done == start or needs_logs(end, config.run) or (signals.received and not workers.are_several):
                logs, pending = StepLogs.fetch(pending), []
                for callback in callbacks:
                    callback.on_step_end(end, logs)
                received = max(workers.all_gather(signals.received or 0))
            done = end
        if received:
            break
    return done, received


def _build(
    config: ConfigDict,
    strategy: tf.distribute.Strategy,
    start_from: str | os.PathLike | None,
    accept_partial: bool,
    print_report: bool,
) -> ImageRestorer:
    """Builds and compiles the model, with the weights of another run where they fit."""
    with strategy.scope():
        model = build_model(config)
        if start_from:  # before the optimizer is built, whose EMA starts from the weights
            path = weights_file(start_from, choose_step(start_from))
            config_name = read_config(start_from).name or config_file(start_from)
            report = load_fitting_weights(path, model, config_name, partial=accept_partial)
            if print_report:
                print(report)
        model.compile()
    return model


def _print_changes(changed: dict[str, tuple[str, str]], step: int) -> None:
    for name, (before, now) in changed.items():
        print(f"step {step}: the {name} data have changed from {before} to {now}", flush=True)
    if "validation" in changed:
        print("the best checkpoint is selected anew, because other validation data selected the previous one", flush=True)


def _check_batches(config: ConfigDict, stages: Sequence[TrainingStage], replicas: int) -> None:
    """Raises IcdpmError if a batch cannot be divided among the replicas and accumulated parts."""
    for stage in stages:
        if stage.batch % (replicas * config.optimizer.accumulation):
            raise IcdpmError(
                f"The batch size must be a multiple of {replicas} replicas × optimizer.accumulation "
                f"{config.optimizer.accumulation}. Received: {stage.batch} (`data`)."
            )


def _make_validation(
    model: ImageRestorer, strategy: tf.distribute.Strategy, config: ConfigDict, pairs: PairSource, batch: int
) -> Validation:
    """Returns the validation of a run on center crops of some pairs, in batches of the given size."""
    count, crop = config.run.validation_images, largest_crop(config)
    held_out = validation_dataset(pairs, count=count, crop=crop, batch=batch)
    return Validation(model, strategy, list(held_out.as_numpy_iterator()))


def _distribute_batches(
    strategy: tf.distribute.Strategy,
    config: ConfigDict,
    start: int,
    training_pairs: PairSource,
    target_pairs: PairSource | None,
    stage: TrainingStage,
) -> tf.distribute.DistributedDataset:
    """Returns the training batches of a stage, divided among the replicas.

    Args:
      strategy: the strategy of the run.
      config: the config of the run.
      start: number of steps of the run that are done.
      training_pairs: the pairs to train on.
      target_pairs: pairs of another domain, of which only the blurry images are used, or None.
      stage: the stage.
    """

    def batches_of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        training = functools.partial(
            training_dataset,
            batch=stage.batch,
            crop=stage.crop,
            seed=config.seed,
            start_step=max(start - stage.start, 0),
            first_example=stage.first_example,
            repeat=config.data.repeat,
            augment=config.data.augment,
            shard_index=context.input_pipeline_id,
            num_shards=context.num_input_pipelines,
            per_replica_batch=stage.batch // strategy.num_replicas_in_sync,
        )
        if target_pairs is None:
            return training(training_pairs)
        both = tf.data.Dataset.zip((training(training_pairs), training(target_pairs)))
        return both.map(lambda batch, target: {**batch, "target": target["blurry"]})

    return strategy.distribute_datasets_from_function(batches_of_worker)
