"""A training run, from config and data to checkpoints."""

import contextlib
import functools

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model, model_class
from icdpm.models.schedules import largest_crop, training_stages
from icdpm.models.weights import load_fitting_weights
from icdpm.models.workdir import checkpoint_steps, choose_step, config_file, read_config, weights_file
from icdpm.storage import storage_path
from icdpm.training.callbacks import Best, FiniteGuard, Note, Progress, Save, Scalars, StopOnSignal, Validate
from icdpm.training.checkpoints import Checkpoints, locked
from icdpm.training.loop import Numbers, Steps, is_due, next_stop
from icdpm.training.run_metadata import changed_data, changed_fields, note_config, note_data
from icdpm.training.strategy import is_chief, silence_first_compilation
from icdpm.training.validation import Validation
from icdpm.training.workers import Workers, plain_losses
from icdpm_datasets.pipeline import training_dataset, validation_dataset
from icdpm_datasets.tf_data_errors import original_errors


def train(
    config,
    workdir,
    training_pairs,
    validation_pairs,
    strategy,
    start_from=None,
    target_pairs=None,
    *,
    start_from_partial=False,
):
    """Trains until `config.run.steps`, from the workdir's latest checkpoint if it has one.

    Two runs of the same config and data end with the same weights; so does one that was killed and started again. A run that
    is refused, or fails before its first step is done, leaves nothing behind.

    Args:
      config: a checked config; it must be the workdir's if that has one.
      workdir: folder of the run (`icdpm.models.workdir`).
      training_pairs, validation_pairs: `icdpm_datasets.load.PairSource`s.
      strategy: of `make_strategy`.
      start_from: workdir of another run, with whose latest averaged weights this one begins as far as they fit; None: with
        random ones. A run that has a checkpoint continues from that.
      target_pairs: a PairSource whose blurry pictures are unlabelled ones of another domain, for systems that want them.
      start_from_partial: whether this run may begin with weights of which few fit (`load_fitting_weights`).

    Returns:
      None, or the number of the signal that ended the run early, whichever worker it came to.

    Raises:
      IcdpmError: a workdir that is in use, of another config or damaged, weights that do not fit, numbers that are not finite,
        or workers that have ended or were not given the same.
    """
    if model_class(config.model).needs_target != (target_pairs is not None):
        needs = "needs pictures of another domain" if target_pairs is None else "has no use for pictures of another domain"
        raise IcdpmError(f"the model {config.model} {needs} (--target_data)")
    chief, workers = is_chief(strategy), Workers(strategy)
    with contextlib.ExitStack() as stack:
        if workers.several:
            stack.enter_context(plain_losses(workdir))
        stack.enter_context(original_errors())
        if chief:
            stack.enter_context(locked(workdir))
            changed_fields(config, workdir)
        there = checkpoint_steps(workdir)
        workers.agree(config, len(training_pairs), there[-1] if there else 0)
        if not there:
            model_class(config.model).check_start(config, read_config(start_from) if start_from else None)
        if config.run.deterministic:
            tf.config.experimental.enable_op_determinism()
        silence_first_compilation()

        # Model and optimiser.
        with strategy.scope():
            model = build_model(config)
            if start_from:  # before the optimizer is built, whose averages start from the weights
                said = load_fitting_weights(
                    weights_file(start_from, choose_step(start_from)),
                    model,
                    read_config(start_from).name or config_file(start_from),
                    partial=start_from_partial or bool(there),  # a checkpoint's weights replace all of these
                )
                if chief:
                    print(said)
            model.compile()
        checkpoints = Checkpoints(workdir, model, config.run.keep_checkpoints)

        # Continue where the latest checkpoint ends.
        start, steps = checkpoints.restore_latest(), config.run.steps
        if start >= steps:
            return None
        seen = [training_pairs.description]
        if target_pairs:
            seen.append(f"the blurry pictures alone of {target_pairs.description}")
        changed = changed_data(config, workdir, seen, [validation_pairs.description]) if chief and start else {}
        for name, (before, now) in changed.items():
            print(f"step {start}: other {name} data than before: {now}; before: {before}", flush=True)
        if "validation" in changed:
            print("the best checkpoint is chosen anew: the one before was chosen by other validation data", flush=True)

        # Input.
        replicas = strategy.num_replicas_in_sync
        stages = [stage for stage in training_stages(config) if stage.stop > start]
        for stage in stages:
            if stage.batch % (replicas * config.optimizer.accumulation):
                raise IcdpmError(
                    f"a batch of {stage.batch} (data) does not divide among {replicas} replicas with "
                    f"optimizer.accumulation {config.optimizer.accumulation}"
                )
        for pairs in filter(None, (training_pairs, target_pairs)):
            pairs.check_crop(largest_crop(config))

        def batches(stage, context):
            def batches_of(pairs):
                return training_dataset(
                    pairs,
                    batch=stage.batch,
                    crop=stage.crop,
                    seed=config.seed,
                    start_step=max(start - stage.start, 0),
                    first_example=stage.first_example,
                    repeat=config.data.repeat,
                    augment=config.data.augment,
                    shard_index=context.input_pipeline_id,
                    num_shards=context.num_input_pipelines,
                    per_replica_batch=stage.batch // replicas,
                )

            if target_pairs is None:
                return batches_of(training_pairs)
            both = tf.data.Dataset.zip((batches_of(training_pairs), batches_of(target_pairs)))
            return both.map(lambda batch, target: {**batch, "target": target["blurry"]})

        # Between the steps.
        looks = [FiniteGuard(model, stages, workdir)]
        held_out = validation_dataset(
            validation_pairs, count=config.run.validation_images, crop=largest_crop(config), batch=stages[-1].batch
        )
        validation = Validation(model, strategy, list(held_out.as_numpy_iterator()))
        best = None
        if chief:
            writer = tf.summary.create_file_writer(str(storage_path(workdir) / "tensorboard"))
            stack.callback(writer.close)
            progress = stack.enter_context(contextlib.closing(Progress(start, steps)))

            def note():
                if "validation" in changed:
                    checkpoints.forget_best()
                note_config(config, workdir)
                note_data(workdir, start_from, seen, [validation_pairs.description])

            looks += [Note(note), progress, Scalars(writer, config.run.log_every)]
            best = Best(checkpoints, writer)
        looks.append(Validate(validation, config.run.validate_every, steps, best))
        if chief:
            looks.append(Save(checkpoints, config.run.checkpoint_every, steps))

        # The loop. XLA compiles on GPUs; on TPUs, where there is nothing else, TensorFlow sees to it.
        compiled = config.run.compile and bool(tf.config.list_physical_devices("GPU"))
        stop = stack.enter_context(contextlib.closing(StopOnSignal()))
        done, unseen, stopped_by = start, [], 0
        for stage in stages:
            dataset = strategy.distribute_datasets_from_function(functools.partial(batches, stage))
            taking = Steps(model, strategy, dataset, compiled)
            while done < stage.stop and not stopped_by:
                end = next_stop(done, config.run, stage.stop)
                unseen.append(taking.take(end - done))
                if chief:
                    progress.bar.update(end - done)
                # The first steps are looked at too: what is wrong with a run shows there. Several workers look together only.
                if done == start or is_due(end, config.run) or (stop.signal and not workers.several):
                    rows, unseen = Numbers.fetch(unseen), []
                    for look in looks:
                        look.after(end, rows)
                    stopped_by = max(workers.say(stop.signal or 0))
                done = end
        if stopped_by and chief:
            checkpoints.save(done)
        workers.say(0)  # what others wait for may be said until the chief has saved
        return stopped_by or None
